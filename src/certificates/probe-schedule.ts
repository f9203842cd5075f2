/** When a cluster is probed again for the certificate that it serves. Pure. Instants are epoch milliseconds. */
import type { ServedCondition } from './served.ts';

const MIN_INTERVAL_MS = 15_000;
/** Hive may bring a certificate over at any time: half an hour is what the lag of a late one is exact to, for a day. */
const MAX_WAITING_INTERVAL_MS = 30 * 60_000;
const MAX_WAITING_MS = 24 * 3_600_000;
/** After a probe that did not reach a name, twice as long after each further one: the cause may be a resolver or a network. */
const FIRST_REPETITION_MS = 60_000;
/** Of all probes that nothing waits for: a fleet of 10,000 clusters with two certificates each is probed in 34 minutes. */
export const BACKGROUND_PROBES_PER_SECOND = 10;
/** A wait is this share of the time since the installation, so the measured lag is exact to an eighth. */
const SHARE_OF_AGE = 1 / 8;

/** Of all probes of certificates that were just installed: each takes CPU time and connections from the orders beside it. */
export const FOREGROUND_PROBES_PER_SECOND = 10;

/** Whether nothing waits for the probes: certman did not install the certificate, or did so more than a day ago. */
export function isBackgroundProbe(
  { installedAt }: { readonly installedAt?: number | undefined },
  now: number,
): boolean {
  return installedAt === undefined || now - installedAt > MAX_WAITING_MS;
}

/**
 * The first probe of a certificate. Hive has to copy it and the cluster to load it first, so a probe within seconds of the
 * installation finds that it is not served, beside orders that are under way.
 * @param installedAt undefined: certman did not install it.
 */
export function firstProbeAt({ installedAt }: { readonly installedAt?: number | undefined }, now: number): number {
  return installedAt === undefined ? now : Math.max(now, Math.min(now, installedAt) + MIN_INTERVAL_MS);
}

/**
 * The next probe: soon after an installation, with a back-off, and rarely once the certificate is served or the cluster is
 * one that cannot be probed.
 * @param installedAt undefined: certman did not install it.
 * @param failures probes in a row that did not reach a name, with this one.
 * @param intervalMs between probes of a cluster that serves its certificate.
 */
export function nextProbeAt(
  { status, reason }: Pick<ServedCondition, 'status' | 'reason'>,
  {
    installedAt,
    failures = 0,
    now,
    intervalMs,
  }: {
    readonly installedAt: number | undefined;
    readonly failures?: number;
    readonly now: number;
    readonly intervalMs: number;
  },
): number {
  if (status === 'True' || reason === 'PrivateLink' || reason === 'Hibernating' || reason === 'NotPublic') {
    return now + intervalMs;
  }
  const age = installedAt === undefined ? Number.POSITIVE_INFINITY : Math.max(0, now - installedAt);
  const max = age > MAX_WAITING_MS ? intervalMs : Math.min(intervalMs, MAX_WAITING_INTERVAL_MS);
  const wait = Math.min(max, Math.max(MIN_INTERVAL_MS, Math.round(age * SHARE_OF_AGE)));
  return now + (failures === 0 ? wait : Math.min(wait, FIRST_REPETITION_MS * 2 ** (failures - 1)));
}
