import { Context } from '@temporalio/activity';
import { z } from 'zod';
import { type Authorization, authorizedName, dnsChallenge, fetchAuthorization } from '../../src/acme/authorization.ts';
import { ownershipRecords, txtName, txtValue } from '../../src/acme/challenge.ts';
import type { AcmeCa } from '../../src/acme/client.ts';
import { fetchOrder, isFor, isUsable, type Order, placeNewOrder } from '../../src/acme/order.ts';
import { orderFailure } from '../../src/acme/order-failure.ts';
import { CertmanError } from '../../src/failures/failure.ts';
import type { PendingChallenge, PlacedOrder, PlaceOrderInput } from '../contract.ts';
import { withProgress } from '../progress.ts';
import type { AcmeActivityDeps } from './deps.ts';

const placedSchema = z.object({ orderUrl: z.string() });

/** The order of an earlier attempt where it is still open, else a new one, with what is to be proved for it. */
export async function placeOrder(deps: AcmeActivityDeps, ca: AcmeCa, input: PlaceOrderInput): Promise<PlacedOrder> {
  const signal = Context.current().cancellationSignal;
  return withProgress(placedSchema, async (progress) => {
    const resumed = await openOrder(ca, progress.earlier?.orderUrl ?? input.resume, input.dnsNames, signal);
    const found = resumed === undefined ? undefined : await challengesOf(ca, resumed, signal);
    if (resumed !== undefined && found !== undefined) return placed(ca, resumed, found, input);

    const { dnsNames, replaces } = input;
    const order = await placeNewOrder(ca, { dnsNames, profile: deps.settings.profile, replaces }, signal, (refusal) =>
      Context.current().log.info('The CA takes the order for no renewal', { replaces, problem: refusal.message }),
    );
    progress.record({ orderUrl: order.url });
    const challenges = await challengesOf(ca, order, signal);
    if (challenges === undefined) throw await orderFailure(ca, order, signal);
    return placed(ca, order, challenges, input);
  });
}

/** The order to go on with, if there is one that is still open and for these names. */
async function openOrder(
  ca: AcmeCa,
  url: string | undefined,
  dnsNames: readonly string[],
  signal: AbortSignal,
): Promise<Order | undefined> {
  if (url === undefined || !(await ca.owns(url))) return undefined;
  try {
    const order = await fetchOrder(ca, url, signal);
    return isUsable(order, new Date()) && isFor(order, dnsNames) ? order : undefined;
  } catch (error) {
    if (error instanceof CertmanError && error.code === 'acme/orderGone') return undefined;
    throw error;
  }
}

/** The challenges to be answered before an order is ready; undefined when it can never be. */
async function challengesOf(ca: AcmeCa, order: Order, signal: AbortSignal): Promise<PendingChallenge[] | undefined> {
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

function pendingChallenge(ca: AcmeCa, authorization: Authorization): PendingChallenge {
  const challenge = dnsChallenge(authorization, ca);
  const identifier = authorization.identifier.value;
  return {
    identifier,
    wildcard: authorization.wildcard === true,
    authorizationUrl: authorization.url,
    challengeUrl: challenge.url,
    record: { name: txtName(identifier), value: txtValue(challenge.token, ca.thumbprint) },
  };
}

function placed(
  ca: AcmeCa,
  order: Order,
  challenges: readonly PendingChallenge[],
  { dnsNames, ownersUid }: PlaceOrderInput,
): PlacedOrder {
  // RFC 8555 §7.1.3 wants `expires` for pending and valid orders; where it is missing nothing is promised beyond now.
  const expires = order.expires ?? new Date().toISOString();
  return {
    orderUrl: order.url,
    expires,
    environment: ca.host,
    challenges,
    ...(ownersUid === undefined ? {} : { ownership: ownershipRecords(dnsNames, order.url, ownersUid) }),
  };
}
