/**
 * Invariants of every trace. Each function returns descriptions of the violations, and uses none of the code that it checks.
 */
import type { OrderReason } from '../../../src/certificates/renewal-policy.ts';
import { DAY_MS } from '../certificates/certificate-facts.ts';
import { MAX_SKEW_MS } from './arbitrary-scenario.ts';
import type { Disturbance, Issued, Scenario, TraceEntry } from './scenario.ts';

const MINUTE_MS = 60_000;
const WEEK_MS = 7 * DAY_MS;
const SECOND_MS = 1000;

const REQUIRES_ORDER: ReadonlySet<Disturbance['kind']> = new Set([
  'secretDeleted',
  'secretBroken',
  'keySwapped',
  'nameAdded',
  'revoked',
]);

/** Every order has a cause that is newer than the certificate it replaces, so no cause leads to two orders. */
export function ordersWithoutCause(scenario: Scenario, trace: readonly TraceEntry[]): readonly string[] {
  const broken: string[] = [];
  let since: Disturbance['kind'][] = ['secretDeleted'];
  let windows: { readonly certId: string; readonly start: number }[] = [];
  for (const happening of trace) {
    if (happening.kind === 'disturbed') {
      since.push(happening.what.kind);
      const { window } = happening;
      if (window !== undefined) windows.push({ certId: window.certId, start: Date.parse(window.start) });
    }
    if (happening.kind !== 'issued') continue;
    const { reason, replaced, clock } = happening;
    const left = replaced === undefined ? Number.NaN : Date.parse(replaced.notAfter) - clock;
    // A reason without an entry must not occur here.
    const causes: Partial<Record<OrderReason, boolean>> = {
      SecretMissing: since.includes('secretDeleted'),
      SecretBroken: since.includes('secretBroken'),
      KeyMismatch: since.includes('keySwapped'),
      NamesMissing: since.includes('nameAdded'),
      Revoked: since.includes('revoked'),
      CaChanged: since.includes('environmentChanged'),
      Expired: left <= 0,
      SuggestedByCa: windows.some(({ certId, start }) => certId === replaced?.certId && start <= clock),
      RenewalDue: left <= maxRemaining(scenario),
      RenewRequested: since.includes('renewRequested'),
    };
    if (causes[reason] !== true)
      broken.push(`order at ${isoTime(happening.at)}: nothing that has happened since the last one is ${reason}`);
    since = [];
    windows = [];
  }
  return broken;
}

/** A renewal is never planned later than the policy allows, nor performed later than planned. */
export function renewalsLaterThanPromised(scenario: Scenario, trace: readonly TraceEntry[]): readonly string[] {
  const broken: string[] = [];
  let promised: number | undefined;
  for (const happening of trace) {
    if (happening.kind === 'settled') {
      promised = happening.until;
      const left = Date.parse(happening.certificate.notAfter) - promised;
      if (left < minRemaining(scenario))
        broken.push(`planned at ${isoTime(happening.at)}: too late, at ${isoTime(promised)}`);
    }
    if (happening.kind === 'issued') {
      const late = promised === undefined ? 0 : happening.clock - promised;
      if (late > 2 * MAX_SKEW_MS) broken.push(`order at ${isoTime(happening.at)}: ${late} ms later than planned`);
    }
    // After a disturbance the renewal may be late for another reason.
    if (happening.kind === 'issued' || happening.kind === 'failed' || happening.kind === 'held') promised = undefined;
  }
  return broken;
}

/** No hot loop: orders respect the exact-set limit, failed attempts the retry schedule. */
export function tooFrequentOrders(scenario: Scenario, trace: readonly TraceEntry[]): readonly string[] {
  const broken: string[] = [];
  const interval = intervalOf(scenario);
  const orders = issuedIn(trace);
  for (const [first, from] of orders.entries()) {
    const sameSet = orders
      .slice(first)
      .filter(({ nameSet, caHost }) => nameSet === from.nameSet && caHost === from.caHost);
    for (const [later, to] of sameSet.entries()) {
      if (later + 1 > 5 + (to.at - from.at + 2 * MAX_SKEW_MS) / interval) {
        broken.push(`${later + 1} orders from ${isoTime(from.at)} to ${isoTime(to.at)}`);
      }
    }
  }
  for (const happening of trace) {
    if (happening.kind === 'failed' && happening.until - happening.clock < 15 * SECOND_MS) {
      broken.push(`attempt without a delay at ${isoTime(happening.at)}`);
    }
  }
  return broken;
}

/** No certificate in use expires, except while the CA or the limit prevents its replacement. */
export function expiredInUse(scenario: Scenario, trace: readonly TraceEntry[]): readonly string[] {
  // Time between two attempts near the expiry, plus the attempt right before the CA recovers.
  const slack = 2 * Math.min(12 * MINUTE_MS, scenario.lifetimeMs / 50) + 2 * MAX_SKEW_MS;
  const broken: string[] = [];
  for (const order of issuedIn(trace)) {
    if (order.replaced === undefined) continue;
    const end = Date.parse(order.replaced.notAfter);
    if (end > order.at) continue;
    const excused = caTroubledIn(trace, end - slack, end) || wasDeferred(trace, end, slack, intervalOf(scenario));
    if (!excused) broken.push(`certificate ${order.replaced.serialNumber} expired at ${isoTime(end)}`);
  }
  return broken;
}

/** The simulation never sleeps while something requires an order. */
export function missedOrders(_scenario: Scenario, trace: readonly TraceEntry[]): readonly string[] {
  const broken: string[] = [];
  let wanting: Disturbance['kind'] | undefined = 'secretDeleted';
  let otherEnvironment = false;
  for (const happening of trace) {
    if (happening.kind === 'disturbed') {
      const { kind } = happening.what;
      if (kind === 'environmentChanged') otherEnvironment = !otherEnvironment;
      if (REQUIRES_ORDER.has(kind)) wanting ??= kind;
    }
    if (happening.kind === 'issued') {
      wanting = undefined;
      otherEnvironment = false;
    }
    if (happening.kind !== 'settled') continue;
    if (wanting !== undefined) broken.push(`asleep at ${isoTime(happening.at)} in spite of ${wanting}`);
    if (otherEnvironment) broken.push(`asleep at ${isoTime(happening.at)} with the wrong caHost`);
  }
  return broken;
}

/** At the end, with a working CA, there is an unexpired certificate with all names. */
export function missingAtTheEnd(scenario: Scenario, trace: readonly TraceEntry[]): readonly string[] {
  const last = issuedIn(trace).at(-1);
  if (last === undefined) return ['there never was a certificate'];
  const end = trace.reduce((latest, { at }) => Math.max(latest, at), 0);
  const names =
    1 + trace.filter((happening) => happening.kind === 'disturbed' && happening.what.kind === 'nameAdded').length;
  const broken: string[] = [];
  if (last.certificate.dnsNames.length !== names) broken.push('a name is missing at the end');
  if (Date.parse(last.certificate.notAfter) <= end) broken.push('the last certificate has expired');
  return broken;
}

function issuedIn(trace: readonly TraceEntry[]): readonly Issued[] {
  return trace.filter((happening) => happening.kind === 'issued');
}

/** Emission interval of the exact-set limit. */
function intervalOf({ lifetimeMs }: Scenario): number {
  return Math.min(WEEK_MS / 5, lifetimeMs / 4);
}

/** Least remaining lifetime at a planned renewal; less would be late. */
function minRemaining(scenario: Scenario): number {
  // Windows in the last part of the lead are not followed.
  return leadOf(scenario) * (isByAri(scenario) ? 0.8 : 1);
}

/** Most remaining lifetime at a renewal by the policy: includes the jitter and a rounded second. */
function maxRemaining(scenario: Scenario): number {
  return leadOf(scenario) + Math.min(DAY_MS, scenario.lifetimeMs / 50) + SECOND_MS;
}

function leadOf(scenario: Scenario): number {
  const { lifetimeMs, renewBeforeDays = 0 } = scenario;
  if (isByAri(scenario)) return Math.min(45 * DAY_MS, lifetimeMs / (lifetimeMs < 10 * DAY_MS ? 2 : 3));
  return Math.min((renewBeforeDays > 0 ? renewBeforeDays : 45) * DAY_MS, lifetimeMs / 2);
}

function isByAri({ policy, renewBeforeDays = 0 }: Scenario): boolean {
  return policy === 'ari' && renewBeforeDays <= 0;
}

function caTroubledIn(trace: readonly TraceEntry[], from: number, to: number): boolean {
  let troubledSince: number | undefined;
  for (const happening of trace) {
    if (happening.kind !== 'disturbed') continue;
    if (happening.what.kind === 'caTroubled') troubledSince ??= happening.at;
    if (happening.what.kind === 'caWell') {
      if (troubledSince !== undefined && troubledSince <= to && happening.at >= from) return true;
      troubledSince = undefined;
    }
  }
  return troubledSince !== undefined && troubledSince <= to;
}

/** Whether a Retry-After of the CA or the limit prevented an order at the expiry. */
function wasDeferred(trace: readonly TraceEntry[], end: number, slack: number, interval: number): boolean {
  return trace.some((happening) => {
    if (happening.at > end) return false;
    if (happening.kind === 'failed') return happening.byRetryAfter && happening.until >= end - slack;
    if (happening.kind !== 'held' || happening.until < end - slack) return false;
    if (happening.by === 'ca') return true;
    const spent = issuedIn(trace).filter(({ at }) => at <= end && at >= end - 5 * interval - slack);
    return spent.length >= 5;
  });
}

function isoTime(instant: number): string {
  return new Date(instant).toISOString();
}
