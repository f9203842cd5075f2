import { z } from 'zod';
import { CertmanError } from '../failures/failure.ts';
import { failedAuthorizationsError, fetchAuthorization, isFailed } from './authorization.ts';
import { isCaFailure } from './ca-health.ts';
import type { AcmeClient, AcmeResponse } from './client.ts';
import { AcmeProblemError, describeProblem, identifierSchema, isGone, problemCode, problemSchema } from './problems.ts';
import { acmeUrlSchema } from './url.ts';

const orderSchema = z.object({
  status: z.enum(['pending', 'ready', 'processing', 'valid', 'invalid']),
  // Without a readable one, the order may be gone any time.
  expires: z.iso.datetime({ offset: true }).max(64).optional().catch(undefined),
  identifiers: z.array(identifierSchema).max(1000),
  authorizations: z.array(acmeUrlSchema).max(1000),
  finalize: acmeUrlSchema,
  certificate: acmeUrlSchema.optional(),
  error: problemSchema.optional().catch(undefined),
});

/** An order (RFC 8555 §7.1.3), with its URL and the Retry-After of the response. */
export interface Order extends z.infer<typeof orderSchema> {
  readonly url: string;
  readonly retryAfter?: Date | undefined;
}

/** What an order requests (RFC 8555 §7.4). */
export interface NewOrder {
  readonly dnsNames: readonly string[];
  /** One of the directory's `meta.profiles`; Let's Encrypt: classic, tlsserver, shortlived. */
  readonly profile?: string | undefined;
  /** ARI identifier of the certificate that the order replaces (RFC 9773 §5). */
  readonly replaces?: string | undefined;
  /** Renews a certificate for the same names, which limits of the account exempt; of other names, some that replace one. */
  readonly renewal?: boolean | undefined;
  /** The order's turn (epoch milliseconds). */
  readonly turn?: number | undefined;
}

/**
 * Places an order (RFC 8555 §7.4); without `replaces` if the CA has no renewal information (RFC 9773 §5) or rejects it.
 * @param onReplacesRejected receives the rejection: a limit that exempts replacements may then count the order.
 * @throws CertmanError of any `acme/` code.
 */
export async function placeNewOrder(
  ca: AcmeClient,
  order: NewOrder,
  onReplacesRejected: (rejection: CertmanError) => void = () => undefined,
): Promise<Order> {
  const { newOrder, renewalInfo } = await ca.directory();
  if (order.replaces !== undefined && renewalInfo !== undefined) {
    try {
      return await postNewOrder(ca, newOrder, order);
    } catch (error) {
      if (!(error instanceof AcmeProblemError) || !rejectsReplaces(error)) throw error;
      onReplacesRejected(error);
    }
  }
  return postNewOrder(ca, newOrder, { ...order, replaces: undefined });
}

async function postNewOrder(ca: AcmeClient, url: string, order: NewOrder): Promise<Order> {
  const { dnsNames, profile, replaces, renewal, turn } = order;
  const payload = { identifiers: dnsNames.map((value) => ({ type: 'dns', value })), profile, replaces };
  const { newOrderLimit } = ca.session;
  const isRenewal = renewal === true;
  try {
    newOrderLimit.admit(ca.host, { exempt: isRenewal || replaces !== undefined, turn });
  } catch (error) {
    // While the CA pauses, no request shows that.
    if (isCaFailure(error)) ca.session.health?.failed('newOrder', error);
    throw error;
  }
  const answer = await ca.post({ resource: 'newOrder', url, payload, schema: orderSchema }).catch((error: unknown) => {
    // What replaces a certificate for other names is exempt within the CA's renewal window only. Outside, it gets a turn.
    throw newOrderLimit.onRefused(error, { exempt: isRenewal });
  });
  if (answer.location !== undefined) return toOrder(ca, answer, answer.location);
  const message = `The CA ${ca.host} created an order for ${dnsNames.join(', ')} without a Location header.`;
  throw new CertmanError({ code: 'acme/unexpected', message });
}

/** Replaced (409), unknown certificate or issuer (404, malformed), other account (unauthorized), no name in common. */
function rejectsReplaces(error: AcmeProblemError): boolean {
  if (error.type === 'alreadyReplaced' || error.status === 404) return true;
  if (error.code === 'acme/malformed' || error.code === 'acme/unauthorized') return true;
  return error.type === 'serverInternal' && PEBBLE_REPLACES_REJECTION.test(error.message);
}

/** Pebble answers serverInternal for an unknown certificate and for one without a name in common with the order. */
const PEBBLE_REPLACES_REJECTION = /order for the given certificate|new order and existing order must match/;

/** Fetches an order. @throws CertmanError `acme/orderGone` when this account has no such order; any `acme/` code. */
export async function fetchOrder(ca: AcmeClient, url: string): Promise<Order> {
  try {
    return toOrder(ca, await ca.post({ resource: 'order', url, payload: null, schema: orderSchema }), url);
  } catch (error) {
    if (!isGone(error)) throw error;
    throw new CertmanError({
      code: 'acme/orderGone',
      message: `The CA ${ca.host} does not have the order ${url} for this account (any more): ${error.message}`,
      remedy: 'The next attempt places a new order.',
      cause: error,
    });
  }
}

/** As {@link fetchOrder}, but returns undefined instead of throwing `acme/orderGone`. */
export async function findOrder(ca: AcmeClient, url: string): Promise<Order | undefined> {
  try {
    return await fetchOrder(ca, url);
  } catch (error) {
    if (error instanceof CertmanError && error.code === 'acme/orderGone') return undefined;
    throw error;
  }
}

/** Finalizes an order (RFC 8555 §7.4). @param csr DER in base64url. @throws CertmanError of any `acme/` code. */
export async function postFinalize(
  ca: AcmeClient,
  order: Pick<Order, 'url' | 'finalize'>,
  csr: string,
): Promise<Order> {
  const answer = await ca.post({ resource: 'finalize', url: order.finalize, payload: { csr }, schema: orderSchema });
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

/** The error for an order that is invalid: that of its failed authorizations, else the order's own problem. */
export async function orderFailure(ca: AcmeClient, order: Order): Promise<CertmanError> {
  const failed = (await Promise.all(order.authorizations.map((url) => fetchAuthorization(ca, url)))).filter(isFailed);
  if (failed.length > 0) return failedAuthorizationsError(failed, ca);
  const known = problemCode(order.error);
  return new CertmanError({
    // Any other problem concerns this order only.
    code: known === 'acme/rejectedIdentifier' || known === 'acme/rateLimited' ? known : 'acme/orderInvalid',
    message: `The CA ${ca.host} turned the order ${order.url} invalid: ${describeProblem(order.error) || 'it gave no reason'}`,
    remedy: 'The next attempt places a new order.',
  });
}

/** The error for an order that the CA still works on. */
export function orderPendingError(message: string, notBefore?: Date): CertmanError {
  return new CertmanError({ code: 'acme/pending', message, remedy: 'certman polls it again shortly.', notBefore });
}

function toOrder(ca: AcmeClient, answer: AcmeResponse<z.infer<typeof orderSchema>>, url: string): Order {
  const order = { ...answer.body, url, retryAfter: answer.retryAfter };
  if (order.status === 'ready') ca.session.readyOrders.set(url, order.finalize);
  else ca.session.readyOrders.delete(url);
  return order;
}
