/** Which CA an order goes to. */

import { type CaOutage, isCaFailure } from '../acme/ca-health.ts';
import type { CaList } from '../acme/ca-list.ts';
import type { AcmeClient } from '../acme/client.ts';
import type { AcmeClientSource } from '../acme/client-source.ts';
import type { Seals } from '../acme/seals.ts';
import type { PlacedOrder, PlaceOrderInput } from '../contract/activities/acme.ts';
import { counted } from '../failures/counted.ts';
import { CertmanError, type FailureCode, isFailure } from '../failures/failure.ts';
import { oneLine } from '../failures/printable.ts';
import type { AttemptContext } from './context.ts';
import { earlierOrder, placeOrder, requireCa, resumeOrder } from './place-order.ts';
import { releaseTurns } from './release-turns.ts';
import { type ProofOutcome, placeAtStaging } from './staging-proof.ts';
import { TimeLeft, withinTime } from './within-time.ts';

const MAX_REASON_LENGTH = 400;

/** An order that waits for a limit of a fallback CA asks again so much later: the first CA may work again, long before. */
const MAX_FALLBACK_TURN_MS = 3_600_000;

/** An attempt at all CAs, within the time limit of `placeOrder`. */
const MAX_ATTEMPT_MS = 160_000;
/** An attempt at one of several: a budget that does not answer takes 20 s of it, a request that hangs 30 s. */
const MAX_AT_CA_MS = 60_000;
/** With less time left, no further CA is tried. */
const MIN_AT_CA_MS = 10_000;

/** The account is not accepted, whatever its order. */
const ACCOUNT_CODES: ReadonlySet<FailureCode> = new Set([
  'acme/accountInvalid',
  'acme/accountUnknown',
  'acme/accountKeyChanged',
  'acme/unauthorized',
]);

/** An attempt at an order, with the CAs in their order. */
export interface FailoverContext extends AttemptContext {
  readonly cas: CaList;
  /** Verify what any of the accounts has sealed. */
  readonly seals: Seals;
  /** Called for each order at a fallback CA, and with the reason for each fallback CA that may not be used. */
  readonly onFailover?: ((from: string, to: string, refused: string | undefined) => void) | undefined;
  readonly onProof?: ((outcome: ProofOutcome) => void) | undefined;
}

/**
 * Places an order at the first CA. While that one fails for longer than the setting says, the order goes to the next one that
 * may issue: by its account, CAA records, profile, limits, and by its last chain. One order in a minute is tried at the first
 * CA all the same; where no other CA may issue, every order is, unless it waits for a limit of a fallback CA. An order that is
 * open at a fallback CA is resumed there. With `proveFirst`, it is placed at the staging CA, if that one can be used.
 * @throws as {@link placeOrder}; for the failure of the first CA with the reason of each other one.
 */
export async function placeOrderWithFailover(context: FailoverContext, input: PlaceOrderInput): Promise<PlacedOrder> {
  const { cas, budget } = context;
  if (input.proveFirst === true && cas.staging !== undefined) {
    const proof = await placeAtStaging(context, cas.staging, input);
    if (proof !== undefined) return proof;
  }
  if (cas.fallbacks.length === 0) return await placeAt(context, cas.first, input, MAX_ATTEMPT_MS);
  const { placed, waited } = await placeAtOneOf(context, input);
  // Its instants at other CAs would keep tokens from other orders.
  const mayWait = waited || input.turn?.code === 'rateLimit/newOrders';
  if (mayWait && budget !== undefined) void releaseTurns(cas, budget, input, placed.caHost);
  return placed;
}

/** @param ms for it. */
function placeAt(
  context: FailoverContext,
  source: AcmeClientSource,
  input: PlaceOrderInput,
  ms: number,
): Promise<PlacedOrder> {
  return withinTime(source.name, ms, context.signal, (signal) =>
    source.withClient((ca) => placeOrder({ ...context, signal, ca }, input), signal),
  );
}

/** `waited`: the order has a turn at another CA. */
interface Placement {
  readonly placed: PlacedOrder;
  readonly waited: boolean;
}

async function placeAtOneOf(context: FailoverContext, input: PlaceOrderInput): Promise<Placement> {
  const { cas, signal, log } = context;
  const { first, fallbacks } = cas;
  const time = new TimeLeft(MAX_ATTEMPT_MS);
  const atFirst = () => placeAt(context, first, input, Math.max(MIN_AT_CA_MS, time.upTo(MAX_AT_CA_MS)));
  const host = await first.withClient((ca) => Promise.resolve(ca.host), signal);
  requireCa(host, input);
  const urgent = input.urgent === true;
  const resumed = await resumeAtFallback(context, input, time.upTo(MAX_AT_CA_MS));
  if (resumed !== undefined) {
    return { placed: { ...resumed, failover: `It was ordered there while ${host} failed.` }, waited: false };
  }

  let failure: unknown;
  if (first.health.outage({ urgent }) === undefined || first.health.takeProbe()) {
    try {
      return { placed: await atFirst(), waited: false };
    } catch (error) {
      // A wait for a limit of a CA that fails is in vain.
      const mayLeave = isCaFailure(error) || isFailure(error, 'rateLimit/newOrders');
      if (!mayLeave || first.health.outage({ urgent }) === undefined) throw error;
      failure = error;
    }
  }
  const outage = first.health.outage({ urgent });
  const refusals: string[] = [];
  const turns: CertmanError[] = [];
  for (const fallback of fallbacks) {
    if (fallback.name === host) continue;
    const ms = time.upTo(MAX_AT_CA_MS);
    if (ms < MIN_AT_CA_MS) {
      refusals.push(`${fallback.name}: the CAs before it took all the time of the attempt.`);
      continue;
    }
    const placed = await placeAtFallback(context, input, fallback, ms);
    context.onFailover?.(host, fallback.name, placed.order === undefined ? placed.code : undefined);
    if (placed.order !== undefined) {
      const failover = describeOutage(host, outage);
      log.info('An order goes to a fallback CA', { ca: fallback.name, dnsNames: input.dnsNames, reason: failover });
      const waited = turns.length > 0 || isFailure(failure, 'rateLimit/newOrders');
      return { placed: { ...placed.order, failover }, waited };
    }
    if (placed.turn !== undefined) turns.push(placed.turn);
    refusals.push(`${fallback.name}: ${oneLine(placed.why, MAX_REASON_LENGTH)}`);
  }
  const turn = turns.sort((one, other) => turnAt(one) - turnAt(other))[0];
  if (turn !== undefined) throw untilNextTry(turn);
  try {
    if (failure === undefined) return { placed: await atFirst(), waited: false };
  } catch (error) {
    failure = error;
  }
  throw isCaFailure(failure) ? withRefusals(failure, refusals) : failure;
}

/** The order that an earlier attempt placed at a fallback CA, unless that one fails, is not to be used, or is not trusted. */
async function resumeAtFallback(
  context: FailoverContext,
  input: PlaceOrderInput,
  ms: number,
): Promise<PlacedOrder | undefined> {
  const { cas } = context;
  const sealed = earlierOrder(context, input);
  const source = sealed === undefined ? undefined : await cas.ofOrder(input, sealed);
  if (source === undefined || source === cas.first || source === cas.staging || source.health.untrusted() !== undefined)
    return undefined;
  try {
    return await withinTime(source.name, ms, context.signal, (signal) =>
      source.withClient((ca) => resumeOrder({ ...context, signal, ca }, elsewhere(input)), signal),
    );
  } catch (error) {
    // The failure of an account that is of no use any more would come back with each attempt.
    if (isCaFailure(error) || (error instanceof CertmanError && ACCOUNT_CODES.has(error.code))) return undefined;
    throw error;
  }
}

type AtFallback =
  | { readonly order: PlacedOrder }
  | {
      readonly order?: undefined;
      readonly code: string;
      readonly why: string;
      /** The failure, where that CA's limits have an instant for the order. */
      readonly turn?: CertmanError | undefined;
    };

/** @throws what is no reason to go on to the next CA: whatever concerns all CAs. */
async function placeAtFallback(
  context: FailoverContext,
  input: PlaceOrderInput,
  source: AcmeClientSource,
  ms: number,
): Promise<AtFallback> {
  const { settings } = context;
  const { name, health } = source;
  const untrusted = health.untrusted();
  if (untrusted !== undefined) return { code: 'certificate/chainNotTrusted', why: `Its last one: ${untrusted}` };
  if (input.limitedCas?.includes(name) === true) {
    return { code: 'rateLimit/exactSet', why: 'Rate limit: five certificates for exactly these names within 7 days.' };
  }
  const outage = health.outage();
  if (outage !== undefined && !health.takeProbe()) return { code: 'acme/unreachable', why: outage.message };
  try {
    const order = await withinTime(name, ms, context.signal, (signal) =>
      source.withClient(async (ca) => {
        await requireProfile(ca, settings.profile);
        return await placeOrder({ ...context, signal, ca }, elsewhere(input));
      }, signal),
    );
    return { order };
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof CertmanError) || !isOfOneCa(error)) throw error;
    const turn = isFailure(error, 'rateLimit/newOrders') ? error : undefined;
    return { code: error.code, why: error.message, turn };
  }
}

/** Whether a failure may be that of one CA or account only. */
function isOfOneCa(error: CertmanError): boolean {
  if (error.code === 'rateLimit/newOrders') return true;
  if (error.code.startsWith('acme/') || error.code === 'configuration/invalid') return true;
  return isFailure(error, 'dns/caaForbids') || isFailure(error, 'kubernetes/forbidden');
}

async function requireProfile(ca: AcmeClient, profile: string | undefined): Promise<void> {
  if (profile === undefined) return;
  const { meta } = await ca.directory();
  if (Object.hasOwn(meta?.profiles ?? {}, profile)) return;
  const message = `The CA ${ca.host} does not offer the profile ${profile} of CERTMAN_ACME_PROFILE.`;
  throw new CertmanError({ code: 'configuration/invalid', message });
}

function turnAt({ info }: CertmanError): number {
  return Date.parse(info.notBefore ?? '');
}

/** The turn of an order at a fallback CA, with an instant at which the first CA is looked at again. */
function untilNextTry(turn: CertmanError): CertmanError {
  const again = new Date(Date.now() + MAX_FALLBACK_TURN_MS);
  if (turnAt(turn) <= again.getTime()) return turn;
  const { code, message, remedy } = turn.info;
  return new CertmanError({
    code,
    message,
    remedy: `At ${again.toISOString()}, it is tried at the first CA again. ${remedy ?? ''}`.trimEnd(),
    notBefore: again,
    cause: turn,
  });
}

function describeOutage(host: string, outage: CaOutage | undefined): string {
  if (outage === undefined) return `The CA ${host} failed.`;
  const { since, failures, message } = outage;
  const last = oneLine(message, MAX_REASON_LENGTH);
  return `${host} has failed since ${new Date(since).toISOString()} (${counted(failures, 'request')}, the last one: ${last})`;
}

/** For another CA: it knows neither the certificate that is replaced nor what the first one exempts. */
function elsewhere(input: PlaceOrderInput): PlaceOrderInput {
  const { caHost: _caHost, replaces, renewal, inWindow: _inWindow, ...rest } = input;
  return renewal === true || replaces !== undefined ? { ...rest, inUse: true } : rest;
}

function withRefusals(failure: CertmanError, refusals: readonly string[]): CertmanError {
  const { code, message, remedy, notBefore } = failure.info;
  return new CertmanError({
    code,
    message: `${message} No other CA may issue instead. ${refusals.join(' ')}`,
    remedy,
    notBefore,
    cause: failure,
  });
}
