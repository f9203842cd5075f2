import { z } from 'zod';
import {
  type Authorization,
  authorizedName,
  dns01Challenge,
  dns01RecordValue,
  fetchAuthorization,
  isFailed,
} from '../acme/authorization.ts';
import type { AcmeClient } from '../acme/client.ts';
import { findOrder, hasExactNames, isUsable, type Order, orderFailure, placeNewOrder } from '../acme/order.ts';
import { dns01RecordName, normalizeName } from '../certificates/dns-name.ts';
import type { PendingChallenge, PlacedOrder, PlaceOrderInput } from '../contract/activities.ts';
import { CertmanError } from '../failures/failure.ts';
import { oneLine } from '../failures/printable.ts';
import type { IssuanceContext } from './context.ts';

const progressSchema = z.object({ orderUrl: z.string() });

/** Resumes an earlier attempt's order while it is usable, else places one. @throws CertmanError of any `acme/` code. */
export async function placeOrder(context: IssuanceContext, input: PlaceOrderInput): Promise<PlacedOrder> {
  const { ca, log, settings } = context;
  if (input.caHost !== undefined && ca.host !== input.caHost) throw otherCaError(ca.host, input.caHost);
  const { dnsNames, replaces, renewal, turn: told, standaloneNamespace } = input;
  const earlier = progressSchema.safeParse(context.recorded).data?.orderUrl ?? input.resume;
  const resumed = earlier === undefined ? undefined : await resumableOrder(ca, earlier, dnsNames);
  const open = resumed === undefined ? undefined : await challengesOf(ca, resumed, dnsNames);
  if (resumed !== undefined && open !== undefined) return placedOrder(ca, resumed, open);

  const isExempt = renewal === true || replaces !== undefined;
  if (standaloneNamespace !== undefined && !isExempt) context.standaloneOrders.admit(standaloneNamespace, told);
  const turn = told?.code === 'rateLimit/newOrders' ? Date.parse(told.at) : undefined;
  const order = await placeNewOrder(
    ca,
    { dnsNames, profile: settings.profile, replaces, renewal, turn },
    ({ message }) => log.info('The CA does not accept the order as a renewal', { replaces, problem: message }),
  );
  context.record({ orderUrl: order.url });
  const challenges = await challengesOf(ca, order, dnsNames);
  if (challenges === undefined) throw await orderFailure(ca, order);
  return placedOrder(ca, order, challenges);
}

/** The account was replaced after the order was decided: whether its CA may issue is for the workflow to decide. */
function otherCaError(present: string, expected: string): CertmanError {
  return new CertmanError({
    code: 'acme/caChanged',
    message: `Nothing was ordered: the ACME account is one of ${present} now, ${expected === '' ? 'and was missing' : `and was one of ${expected}`} when the order was decided.`,
    remedy: 'certman decides anew by itself.',
  });
}

async function resumableOrder(ca: AcmeClient, url: string, dnsNames: readonly string[]): Promise<Order | undefined> {
  const order = (await ca.ownsUrl(url)) ? await findOrder(ca, url) : undefined;
  return order !== undefined && isUsable(order, new Date()) && hasExactNames(order, dnsNames) ? order : undefined;
}

/** The challenges to answer before the order becomes ready; undefined when it cannot become ready. */
async function challengesOf(
  ca: AcmeClient,
  order: Order,
  dnsNames: readonly string[],
): Promise<PendingChallenge[] | undefined> {
  if (order.status === 'invalid') return undefined;
  if (order.status !== 'pending') return [];
  const all = await Promise.all(order.authorizations.map((url) => fetchAuthorization(ca, url)));
  if (all.some(isFailed)) return undefined;
  requireOrdered(ca, all, dnsNames);
  return all
    .filter((authorization) => authorization.status === 'pending')
    .sort(byName)
    .map((authorization) => pendingChallenge(ca, authorization));
}

/** The name of an authorization becomes that of a TXT record. @throws CertmanError `acme/unexpected` for any other name. */
function requireOrdered(ca: AcmeClient, all: readonly Authorization[], dnsNames: readonly string[]): void {
  const ordered = new Set(dnsNames.map((name) => normalizeName(name).replace(/^\*\./, '')));
  const other = all.find(({ identifier }) => identifier.type !== 'dns' || !ordered.has(identifier.value.toLowerCase()));
  if (other === undefined) return;
  const name = oneLine(authorizedName(other), 255);
  const message = `The CA ${ca.host} asks to authorize ${name}, which was not ordered.`;
  throw new CertmanError({ code: 'acme/unexpected', message });
}

/** CAs list authorizations in any order; every attempt returns them in the same one. */
function byName(one: Authorization, other: Authorization): number {
  return authorizedName(one) < authorizedName(other) ? -1 : 1;
}

function pendingChallenge(ca: AcmeClient, authorization: Authorization): PendingChallenge {
  const challenge = dns01Challenge(authorization, ca);
  const identifier = authorization.identifier.value;
  return {
    identifier,
    wildcard: authorization.wildcard === true,
    authorizationUrl: authorization.url,
    challengeUrl: challenge.url,
    record: { name: dns01RecordName(identifier), value: dns01RecordValue(challenge.token, ca.session.thumbprint) },
  };
}

function placedOrder(ca: AcmeClient, order: Order, challenges: readonly PendingChallenge[]): PlacedOrder {
  return {
    orderUrl: order.url,
    // RFC 8555 §7.1.3 requires `expires` for pending and valid orders; without it the order may be gone any time.
    expires: order.expires ?? new Date().toISOString(),
    caHost: ca.host,
    challenges,
  };
}
