/** When the last certificate of a mass revocation would be replaced, computed. */
import { nameSetDigest } from '../certificates/digest.ts';
import { orderAllowedAt, type RateLimitState, recordIssuance } from '../rate-limit/exact-set-limit.ts';

const MINUTE_MS = 60_000;

/** Certificates that a worker completes in a minute, where nothing was measured. docs/performance.md has what was. */
const ASSUMED_PER_MINUTE = 60;

/** A stretch in which the rate is measured, and the certificates in it that make it one. */
const MEASURED_MS = 10 * MINUTE_MS;
const MIN_MEASURED = 10;

/** A certificate of a drill. Epoch milliseconds. */
export interface DrillCertificate {
  readonly cluster: string;
  readonly dnsNames: readonly string[];
  /** Host of the CA's directory. */
  readonly ca: string;
  readonly registeredDomain: string;
  readonly lifetimeMs?: number | undefined;
}

/** A certificate that was issued before: when (epoch milliseconds), and its `nameSetDigest`. */
export interface PastIssuance {
  readonly at: number;
  readonly nameSet?: string | undefined;
}

/** How many certificates a minute. */
export interface DrillRate {
  readonly perMinute: number;
  /** `measured`: as many as the busiest ten minutes of the last 30 days had. */
  readonly source: 'stated' | 'measured' | 'assumed';
}

/** Certificates of one CA and registered domain. Instants are RFC 3339. */
export interface DrillGroup {
  readonly ca: string;
  readonly registeredDomain: string;
  readonly certificates: number;
  readonly last: string;
  /** Held up by the CA's limit for one set of names. */
  readonly limited: number;
}

/** The result. Instants are RFC 3339. */
export interface DrillResult {
  readonly rate: DrillRate;
  readonly certificates: number;
  readonly half: string;
  readonly last: string;
  readonly deadline: string;
  readonly late: number;
  readonly groups: readonly DrillGroup[];
  /** Clusters that are late, the first ones. */
  readonly lateClusters: readonly string[];
}

const MAX_LATE_SHOWN = 20;

/** The rate of the busiest ten minutes, unless that is less than what is assumed. */
export function rateOf(past: readonly PastIssuance[], stated: number | undefined): DrillRate {
  if (stated !== undefined) return { perMinute: stated, source: 'stated' };
  const instants = past.map(({ at }) => at).sort((one, other) => one - other);
  let most = 0;
  let first = 0;
  for (const [index, at] of instants.entries()) {
    while (at - (instants[first] ?? at) > MEASURED_MS) first += 1;
    most = Math.max(most, index - first + 1);
  }
  const measured = most < MIN_MEASURED ? 0 : (most * MINUTE_MS) / MEASURED_MS;
  return measured >= ASSUMED_PER_MINUTE
    ? { perMinute: measured, source: 'measured' }
    : { perMinute: ASSUMED_PER_MINUTE, source: 'assumed' };
}

/**
 * Orders the certificates one after the other at the rate, and each not before the CA's limit for its set of names allows
 * it. Renewals of the same names are exempt from the limits of account and domain.
 * @param certificates most urgent first. @param now, deadline epoch milliseconds.
 */
export function computeDrill(
  certificates: readonly DrillCertificate[],
  past: readonly PastIssuance[],
  rate: DrillRate,
  { now, deadline }: { readonly now: number; readonly deadline: number },
): DrillResult {
  const used = usedSets(past, now);
  const done: { readonly certificate: DrillCertificate; readonly at: number; readonly isLimited: boolean }[] = [];
  for (const [index, certificate] of certificates.entries()) {
    const turn = now + ((index + 1) * MINUTE_MS) / rate.perMinute;
    const set = { nameSet: nameSetDigest(certificate.dnsNames) };
    const state = used.get(set.nameSet) ?? [];
    const allowed = orderAllowedAt(state, set, certificate.lifetimeMs, now);
    done.push({ certificate, at: Math.max(turn, allowed), isLimited: allowed > turn });
  }
  const instants = done.map(({ at }) => at).sort((one, other) => one - other);
  const late = done.filter(({ at }) => at > deadline);
  const groups = Map.groupBy(done, ({ certificate: { ca, registeredDomain } }) => `${ca} ${registeredDomain}`);
  return {
    rate,
    certificates: certificates.length,
    half: rfc3339(instants[Math.floor((instants.length - 1) / 2)] ?? now),
    last: rfc3339(instants.at(-1) ?? now),
    deadline: rfc3339(deadline),
    late: late.length,
    lateClusters: late.slice(0, MAX_LATE_SHOWN).map(({ certificate }) => certificate.cluster),
    groups: [...groups.values()]
      .flatMap((group) => {
        const [first] = group;
        if (first === undefined) return [];
        const { ca, registeredDomain } = first.certificate;
        return {
          ca,
          registeredDomain,
          certificates: group.length,
          last: rfc3339(Math.max(...group.map(({ at }) => at))),
          limited: group.filter(({ isLimited }) => isLimited).length,
        };
      })
      .sort((one, other) => other.certificates - one.certificates),
  };
}

/** What each set of names has used of its limit. */
function usedSets(past: readonly PastIssuance[], now: number): ReadonlyMap<string, RateLimitState> {
  const used = new Map<string, RateLimitState>();
  for (const { at, nameSet } of [...past].sort((one, other) => one.at - other.at)) {
    if (nameSet === undefined || at > now) continue;
    used.set(nameSet, recordIssuance(used.get(nameSet) ?? [], { nameSet }, undefined, at));
  }
  return used;
}

function rfc3339(at: number): string {
  return new Date(at).toISOString();
}
