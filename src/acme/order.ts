import { z } from 'zod';
import { CertmanError } from '../failures/failure.ts';
import type { AcmeClient, AcmeResponse } from './client.ts';
import { AcmeProblemError, describeProblem, type Problem, problemCode, problemSchema } from './problems.ts';

/** An order as the CA shows it (RFC 8555 §7.1.3). */
const orderSchema = z.object({
  status: z.enum(['pending', 'ready', 'processing', 'valid', 'invalid']),
  expires: z.string().max(64).optional(),
  identifiers: z.array(z.object({ type: z.string().max(64), value: z.string().max(512) })).max(1000),
  authorizations: z.array(z.url().max(2048)).max(1000),
  finalize: z.url().max(2048),
  certificate: z.url().max(2048).optional(),
  error: problemSchema.optional(),
});

export interface Order extends z.infer<typeof orderSchema> {
  readonly url: string;
  /** When the CA wants to be asked again. */
  readonly retryAfter?: Date;
}

export interface NewOrder {
  readonly dnsNames: readonly string[];
  /** One of the directory's `meta.profiles`; Let's Encrypt: classic, tlsserver, shortlived. */
  readonly profile?: string | undefined;
  /** ARI identifier of the certificate that this one replaces (RFC 9773 §5). */
  readonly replaces?: string | undefined;
}

/**
 * Orders a certificate (RFC 8555 §7.4). A `replaces` that the CA refuses is dropped and the order placed without it; to a CA
 * that has no renewal information it is not said at all (RFC 9773 §5).
 * @param onReplacesRefused told why the CA takes the order for no replacement: it may count against a limit that it would not
 * have counted against otherwise.
 */
export async function placeNewOrder(
  ca: AcmeClient,
  order: NewOrder,
  signal?: AbortSignal,
  onReplacesRefused: (refusal: CertmanError) => void = () => undefined,
): Promise<Order> {
  const { renewalInfo } = await ca.directory();
  if (order.replaces === undefined || renewalInfo === undefined)
    return postNewOrder(ca, withoutReplaces(order), signal);
  try {
    return await postNewOrder(ca, order, signal);
  } catch (error) {
    if (!(error instanceof AcmeProblemError) || !rejectsReplaces(error)) throw error;
    onReplacesRefused(error);
    return postNewOrder(ca, withoutReplaces(order), signal);
  }
}

function withoutReplaces(order: NewOrder): NewOrder {
  return { ...order, replaces: undefined };
}

async function postNewOrder(ca: AcmeClient, order: NewOrder, signal: AbortSignal | undefined): Promise<Order> {
  const { newOrder } = await ca.directory();
  const answer = await ca.post({
    resource: 'newOrder',
    url: newOrder,
    payload: {
      identifiers: order.dnsNames.map((value) => ({ type: 'dns', value })),
      ...(order.profile === undefined ? {} : { profile: order.profile }),
      ...(order.replaces === undefined ? {} : { replaces: order.replaces }),
    },
    schema: orderSchema,
    signal,
  });
  if (answer.location === undefined) {
    throw new CertmanError({
      code: 'acme/unexpected',
      message: `The CA ${ca.host} made an order for ${order.dnsNames.join(', ')} but did not say its URL.`,
    });
  }
  return toOrder(ca, answer, answer.location);
}

/**
 * Refusals that can come from `replaces` alone: replaced already (409), unknown or of an issuer unknown (404, malformed),
 * of another account (unauthorized), with no name in common (malformed). What is about the account itself, or a limit, is not.
 */
function rejectsReplaces(error: AcmeProblemError): boolean {
  if (error.type === 'alreadyReplaced' || error.status === 404) return true;
  if (error.code === 'acme/malformed' || error.code === 'acme/unauthorized') return true;
  return error.type === 'serverInternal' && PEBBLE_REPLACES_REJECTION.test(error.message);
}

/** Pebble has no better type for an unknown certificate and for one that shares no name with the order. */
const PEBBLE_REPLACES_REJECTION = /order for the given certificate|new order and existing order must match/;

/**
 * An order as it stands now.
 * @throws CertmanError `acme/orderGone` when the CA does not know it, or not under this account.
 */
export async function fetchOrder(ca: AcmeClient, url: string, signal?: AbortSignal): Promise<Order> {
  try {
    const answer = await ca.post({ resource: 'order', url, payload: null, schema: orderSchema, signal });
    return toOrder(ca, answer, url);
  } catch (error) {
    if (!(error instanceof AcmeProblemError) || (error.status !== 404 && error.code !== 'acme/unauthorized'))
      throw error;
    throw new CertmanError({
      code: 'acme/orderGone',
      message: `The CA ${ca.host} does not have the order ${url} for this account (any more): ${error.message}`,
      remedy: 'A new order is placed at the next attempt.',
      cause: error,
    });
  }
}

/** Hands in the CSR (RFC 8555 §7.4). @param csr DER in base64url. */
export async function postFinalize(
  ca: AcmeClient,
  order: { readonly url: string; readonly finalize: string },
  csr: string,
  signal?: AbortSignal,
): Promise<Order> {
  const answer = await ca.post({
    resource: 'finalize',
    url: order.finalize,
    payload: { csr },
    schema: orderSchema,
    signal,
  });
  return toOrder(ca, answer, order.url);
}

/** Whether an order is for exactly these names. */
export function hasExactNames(order: Order, dnsNames: readonly string[]): boolean {
  const ordered = new Set(order.identifiers.map((identifier) => identifier.value.toLowerCase()));
  return ordered.size === new Set(dnsNames).size && dnsNames.every((name) => ordered.has(name));
}

/** Whether an order can still lead to a certificate. */
export function isUsable(order: Order, now: Date): boolean {
  if (order.status === 'invalid') return false;
  if (order.status === 'valid' || order.status === 'processing') return true;
  return order.expires === undefined || Date.parse(order.expires) > now.getTime();
}

/** The failure that an order of status `invalid` stands for, in the CA's words. */
export function invalidOrderError(
  order: Order,
  ca: AcmeClient,
  problem: Problem | undefined = order.error,
): CertmanError {
  const known = problemCode(problem);
  // What an order says of itself is about this order; only a refused name outlives it.
  const code = known === 'acme/rejectedIdentifier' || known === 'acme/rateLimited' ? known : 'acme/orderInvalid';
  const words = describeProblem(problem) || 'it gave no reason';
  return new CertmanError({
    code,
    message: `The CA ${ca.host} turned the order ${order.url} invalid: ${words}`,
    remedy: 'A new order is placed at the next attempt.',
  });
}

function toOrder(ca: AcmeClient, answer: AcmeResponse<z.infer<typeof orderSchema>>, url: string): Order {
  const order = { ...answer.body, url, ...(answer.retryAfter === undefined ? {} : { retryAfter: answer.retryAfter }) };
  ca.readyOrders.record(order);
  return order;
}
