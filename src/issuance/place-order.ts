import { Context } from '@temporalio/activity';
import { z } from 'zod';
import { type Authorization, authorizedName, dns01Challenge, fetchAuthorization } from '../acme/authorization.ts';
import { dns01RecordName, dns01RecordValue, ownershipRecords } from '../acme/challenge.ts';
import type { AcmeClient } from '../acme/client.ts';
import { fetchOrder, hasExactNames, isUsable, type Order, placeNewOrder } from '../acme/order.ts';
import { orderFailure } from '../acme/order-failure.ts';
import type { PendingChallenge, PlacedOrder, PlaceOrderInput } from '../contract/activities.ts';
import { CertmanError } from '../failures/failure.ts';
import type { IssuanceDeps } from './dependencies.ts';
import { withProgress } from './progress.ts';

const placedSchema = z.object({ orderUrl: z.string() });

/** The order of an earlier attempt where it is still open, else a new one, with what is to be proved for it. */
export async function placeOrder(deps: IssuanceDeps, ca: AcmeClient, input: PlaceOrderInput): Promise<PlacedOrder> {
  const signal = Context.current().cancellationSignal;
  return withProgress(placedSchema, async (progress) => {
    const resumed = await resumableOrder(ca, progress.previous?.orderUrl ?? input.resume, input.dnsNames, signal);
    const found = resumed === undefined ? undefined : await challengesOf(ca, resumed, signal);
    if (resumed !== undefined && found !== undefined) return placedOrder(ca, resumed, found, input);

    const { dnsNames, replaces } = input;
    const order = await placeNewOrder(ca, { dnsNames, profile: deps.settings.profile, replaces }, signal, (refusal) =>
      Context.current().log.info('The CA takes the order for no renewal', { replaces, problem: refusal.message }),
    );
    progress.record({ orderUrl: order.url });
    const challenges = await challengesOf(ca, order, signal);
    if (challenges === undefined) throw await orderFailure(ca, order, signal);
    return placedOrder(ca, order, challenges, input);
  });
}

/** The order to go on with, if there is one that is still open and for these names. */
async function resumableOrder(
  ca: AcmeClient,
  url: string | undefined,
  dnsNames: readonly string[],
  signal: AbortSignal,
): Promise<Order | undefined> {
  if (url === undefined || !(await ca.ownsUrl(url))) return undefined;
  try {
    const order = await fetchOrder(ca, url, signal);
    return isUsable(order, new Date()) && hasExactNames(order, dnsNames) ? order : undefined;
  } catch (error) {
    if (error instanceof CertmanError && error.code === 'acme/orderGone') return undefined;
    throw error;
  }
}

/** The challenges to be answered before an order is ready; undefined when it can never be. */
async function challengesOf(
  ca: AcmeClient,
  order: Order,
  signal: AbortSignal,
): Promise<PendingChallenge[] | undefined> {
  if (order.status === 'invalid') return undefined;
  if (order.status !== 'pending') return [];
  const all = await Promise.all(order.authorizations.map((url) => fetchAuthorization(ca, url, signal)));
  if (all.some((authorization) => authorization.status !== 'pending' && authorization.status !== 'valid'))
    return undefined;
  return all
    .filter((authorization) => authorization.status === 'pending')
    .sort(byName)
    .map((authorization) => pendingChallenge(ca, authorization));
}

/** The CA lists authorizations in any order; a repetition of this step is to tell them in the same one. */
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
    record: { name: dns01RecordName(identifier), value: dns01RecordValue(challenge.token, ca.thumbprint) },
  };
}

function placedOrder(
  ca: AcmeClient,
  order: Order,
  challenges: readonly PendingChallenge[],
  { dnsNames, standaloneRequestUid }: PlaceOrderInput,
): PlacedOrder {
  // RFC 8555 §7.1.3 wants `expires` for pending and valid orders; where it is missing nothing is promised beyond now.
  const expires = order.expires ?? new Date().toISOString();
  return {
    orderUrl: order.url,
    expires,
    caHost: ca.host,
    challenges,
    ...(standaloneRequestUid === undefined
      ? {}
      : { ownershipRecords: ownershipRecords(dnsNames, order.url, standaloneRequestUid) }),
  };
}
