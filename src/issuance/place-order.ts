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
import { persistentChallenge } from '../acme/persistent-record.ts';
import { isGone } from '../acme/problems.ts';
import { dns01RecordName, identifierOf, normalizeName, type TxtRecord } from '../certificates/dns-name.ts';
import type { ClusterIdentity } from '../clusters/cluster-identity.ts';
import type { ZoneTarget } from '../clusters/zone-target.ts';
import type { PendingChallenge, PlacedOrder, PlaceOrderInput } from '../contract/activities/acme.ts';
import type { TxtRecordPlace } from '../contract/activities/txt-records.ts';
import { CertmanError, isFailure } from '../failures/failure.ts';
import { oneLine } from '../failures/printable.ts';
import { isStandalone } from '../kubernetes/objects/primary-object.ts';
import type { IssuanceContext } from './context.ts';
import { requireOwnershipProof } from './require-ownership.ts';

const progressSchema = z.object({ orderUrl: z.string() });

const MAX_ORDER_MS = 90 * 86_400_000;
const DEFAULT_ORDER_MS = 7 * 86_400_000;

/**
 * Resumes an earlier attempt's order while it is usable, else places one.
 * @throws CertmanError `kubernetes/notAskedFor` for names that the bundle does not have, and for a standalone request whose
 * control of the names was not verified; `dns/delegation…` for a CNAME of a record; what the preflight finds;
 * `rateLimit/namespace`, `rateLimit/newOrders`, `rateLimit/runaway`; any `acme/` code.
 */
export async function placeOrder(context: IssuanceContext, input: PlaceOrderInput): Promise<PlacedOrder> {
  const { ca } = context;
  const zone = await zoneFor(context, input);
  const resumed = await resume(context, input, zone);
  if (resumed !== undefined) return resumed;
  const { cluster, bundleName, renewal, turn: announced } = input;
  const { seals } = ca.session;
  await Promise.all([requireReady(context, input, zone), context.runaway?.require(input, context.signal)]);
  // What replaces a certificate counts as well: outside of the CA's renewal window, the CA does not exempt other names.
  const isLimited = isStandalone(cluster) && renewal !== true;
  if (isLimited) context.standaloneOrders.admit(cluster.namespace, announced);
  const order = await orderNow(context, input).catch((error: unknown) => {
    if (isLimited) context.standaloneOrders.onFailed(cluster.namespace, error);
    throw error;
  });
  context.runaway?.ordered(input);
  context.record({ orderUrl: seals.sealOrder(cluster, bundleName, order.url) });
  const challenges = await challengesOf(context, order, input, zone);
  if (challenges === undefined) throw await orderFailure(ca, order);
  return placedOrder(ca, order, challenges, input);
}

/** A CNAME that leads where nothing can be written, or what the CA would refuse, costs no order. */
async function requireReady(context: IssuanceContext, { dnsNames }: PlaceOrderInput, zone: ZoneTarget): Promise<void> {
  const zones = await context.delegation.zonesOf(zone, recordNamesOf(dnsNames), context.signal);
  await context.preflight?.require({ ca: context.ca, zones, dnsNames }, context);
}

/** @throws CertmanError `rateLimit/newOrders` when the order waits for its turn: nothing was sent, or the CA refused it. */
async function orderNow({ ca, budget, settings, log }: IssuanceContext, input: PlaceOrderInput): Promise<Order> {
  const { dnsNames, replaces, renewal, turn: announced, moreUrgentAt } = input;
  const announcedAt = announced?.code === 'rateLimit/newOrders' ? Date.parse(announced.at) : undefined;
  const budgeted = await budget?.orderFor(ca, input);
  const admission = budgeted && (await budget?.admit(ca, budgeted, announcedAt, moreUrgentAt));
  // What the budget grants waits for no turn of this worker besides.
  const turn = admission === 'granted' ? Date.now() : announcedAt;
  const newOrder = { dnsNames, profile: settings.profile, replaces, renewal, turn };
  try {
    const order = await placeNewOrder(ca, newOrder, ({ message }) =>
      log.info('The CA does not accept the order as a renewal', { replaces, problem: message }),
    );
    if (budgeted !== undefined) budget?.placed(ca, budgeted);
    return order;
  } catch (error) {
    throw budgeted === undefined ? error : await budget?.onRefused(ca, budgeted, error, moreUrgentAt);
  }
}

/** The order of an earlier attempt; undefined: it had none at this CA, or it is not usable. @throws as {@link placeOrder}. */
export async function resumeOrder(context: IssuanceContext, input: PlaceOrderInput): Promise<PlacedOrder | undefined> {
  return await resume(context, input, await zoneFor(context, input));
}

/** The zone of the records of an order that the object asks for. @throws as {@link placeOrder}. */
async function zoneFor(context: IssuanceContext, input: PlaceOrderInput): Promise<ZoneTarget> {
  const { ca, checks } = context;
  await checks.requireBundle(input, input);
  requireCa(ca.host, input);
  const zone = await checks.zoneOf(input.cluster);
  if (isStandalone(input.cluster)) requireOwnershipProof(context, input);
  return zone;
}

async function resume(
  context: IssuanceContext,
  input: PlaceOrderInput,
  zone: ZoneTarget,
): Promise<PlacedOrder | undefined> {
  const { ca } = context;
  const { cluster, bundleName, dnsNames } = input;
  // Of another bundle, an order would become this one's: its certificate could then be revoked with this bundle.
  const sealed = earlierOrder(context, input);
  const earlier = sealed === undefined ? undefined : ca.session.seals.openOrder(cluster, bundleName, sealed);
  const resumed = earlier === undefined ? undefined : await resumableOrder(ca, earlier, dnsNames);
  const open = resumed === undefined ? undefined : await openChallenges(context, resumed, input, zone);
  return resumed === undefined || open === undefined ? undefined : placedOrder(ca, resumed, open, input);
}

/** URL with its seal, at whichever CA; undefined: there is none. */
export function earlierOrder({ recorded }: Pick<IssuanceContext, 'recorded'>, input: PlaceOrderInput) {
  return progressSchema.safeParse(recorded).data?.orderUrl ?? input.resume;
}

/** @throws CertmanError `acme/caChanged` when the order was decided for another CA than the present first one. */
export function requireCa(present: string, { caHost }: PlaceOrderInput): void {
  if (caHost !== undefined && present !== caHost) throw otherCaError(present, caHost);
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

function recordNamesOf(dnsNames: readonly string[]): readonly string[] {
  const identifiers = dnsNames.map(identifierOf);
  return [...new Set(identifiers)].map(dns01RecordName);
}

/**
 * As {@link challengesOf}; undefined also where the CA does not have what the order asks for any more, or shows it as no ACME
 * answer: that can last until the order expires. Only a pending order is read, of which nothing is issued.
 */
async function openChallenges(
  context: IssuanceContext,
  order: Order,
  input: PlaceOrderInput,
  zone: ZoneTarget,
): Promise<PendingChallenge[] | undefined> {
  try {
    return await challengesOf(context, order, input, zone);
  } catch (error) {
    if (!isGone(error) && !isFailure(error, 'acme/unexpected') && !isFailure(error, 'acme/malformed')) throw error;
    context.log.info('An open order cannot be read, so another one takes its place', { problem: error.message });
    return undefined;
  }
}

/** The challenges to answer before the order becomes ready; undefined when it cannot become ready. */
async function challengesOf(
  context: IssuanceContext,
  order: Order,
  input: PlaceOrderInput,
  zone: ZoneTarget,
): Promise<PendingChallenge[] | undefined> {
  const { ca, delegation, signal } = context;
  const { cluster, dnsNames } = input;
  if (order.status === 'invalid') return undefined;
  if (order.status !== 'pending') return [];
  const all = await Promise.all(order.authorizations.map((url) => fetchAuthorization(ca, url)));
  if (all.some(isFailed)) return undefined;
  requireOrdered(ca, all, dnsNames);
  const pending = all.filter((authorization) => authorization.status === 'pending').sort(byName);
  const persistent = await persistentChallenges(context, pending, input, zone);
  const answered = pending.map((authorization) => persistent.get(authorization) ?? dns01(ca, authorization));
  const names = answered.map(({ record }) => record.name);
  const places = await delegation.placesOf(zone, names, signal);
  return answered.map((chosen, index) => pendingChallenge(ca, chosen, order, cluster, places[index]));
}

/** What proves an authorization. */
interface ChosenChallenge {
  readonly authorization: Authorization;
  readonly url: string;
  readonly record: TxtRecord;
  readonly persistent?: true;
}

function dns01(ca: AcmeClient, authorization: Authorization): ChosenChallenge {
  const { url, token } = dns01Challenge(authorization, ca);
  const { thumbprint } = ca.session.signer;
  const record = {
    name: dns01RecordName(authorization.identifier.value),
    value: dns01RecordValue(token, thumbprint),
  };
  return { authorization, url, record };
}

/**
 * Those authorizations that a persistent record proves: none of a standalone request, whose author the zone's owner need not
 * trust for longer than an order, and none whose record could not be put where that of `dns-01` is.
 */
async function persistentChallenges(
  { ca, settings, delegation, signal }: IssuanceContext,
  pending: readonly Authorization[],
  { cluster, dnsNames }: PlaceOrderInput,
  zone: ZoneTarget,
): Promise<ReadonlyMap<Authorization, ChosenChallenge>> {
  const { persistentRecords } = settings;
  if (persistentRecords === undefined || isStandalone(cluster)) return new Map();
  const wildcards = new Set(dnsNames.filter((name) => name.startsWith('*.')).map(identifierOf));
  const chosen = await Promise.all(
    pending.map(async (authorization): Promise<ChosenChallenge | undefined> => {
      const identifier = authorization.identifier.value;
      const { account } = ca.session;
      const isWildcard = wildcards.has(identifierOf(identifier));
      const offered = persistentChallenge(authorization, account.url, isWildcard, persistentRecords, Date.now());
      if (offered === undefined) return undefined;
      const [of01] = await delegation.placesOf(zone, [dns01RecordName(identifier)], signal);
      const [place] = await delegation.placesOf(zone, [offered.record.name], signal).catch((error: unknown) => {
        if (!(error instanceof CertmanError) || signal.aborted) throw error;
        return [undefined];
      });
      if (of01?.zoneName !== place?.zoneName) return undefined;
      return { authorization, url: offered.challenge.url, record: offered.record, persistent: true };
    }),
  );
  return new Map(chosen.flatMap((one) => (one === undefined ? [] : [[one.authorization, one]])));
}

/** The name of an authorization becomes that of a TXT record. @throws CertmanError `acme/unexpected` for any other name. */
function requireOrdered(ca: AcmeClient, all: readonly Authorization[], dnsNames: readonly string[]): void {
  const ordered = new Set(dnsNames.map(identifierOf));
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

function pendingChallenge(
  ca: AcmeClient,
  { authorization, url, record: txt, persistent }: ChosenChallenge,
  order: Order,
  cluster: ClusterIdentity,
  at: TxtRecordPlace | undefined,
): PendingChallenge {
  const { seals, signer } = ca.session;
  const identifier = authorization.identifier.value;
  const authorizationUrl = authorization.url;
  const orderUrl = order.url;
  const record = at === undefined ? txt : { ...txt, at };
  const seal = seals.seal(cluster, { of: 'record', ...record });
  // What stays has no owner tag, by which the sweep would remove it.
  const owner = (): string =>
    seals.ownerTag({ ...txt, name: normalizeName(at?.name ?? txt.name) }, usefulUntil(order, new Date()));
  return {
    identifier,
    wildcard: authorization.wildcard === true,
    authorizationUrl,
    challengeUrl: url,
    ...(persistent === true
      ? { record: { ...record, seal, persistent } }
      : { keyThumbprint: signer.thumbprint, record: { ...record, seal, owner: owner() } }),
    seal: seals.seal(cluster, { of: 'challenge', orderUrl, authorizationUrl, url }),
  };
}

/** When the order expires (RFC 8555 §7.1.3); of a CA that says nothing usable, a week from now, which is Let's Encrypt's. */
function usefulUntil({ expires }: Order, now: Date): Date {
  const stated = Date.parse(expires ?? '');
  const isStated = stated > now.getTime() && stated < now.getTime() + MAX_ORDER_MS;
  return new Date(isStated ? stated : now.getTime() + DEFAULT_ORDER_MS);
}

function placedOrder(
  ca: AcmeClient,
  order: Order,
  challenges: readonly PendingChallenge[],
  { cluster, bundleName }: PlaceOrderInput,
): PlacedOrder {
  return {
    orderUrl: ca.session.seals.sealOrder(cluster, bundleName, order.url),
    // RFC 8555 §7.1.3 requires `expires` for pending and valid orders; without it the order may be gone any time.
    expires: order.expires ?? new Date().toISOString(),
    caHost: ca.host,
    challenges,
  };
}
