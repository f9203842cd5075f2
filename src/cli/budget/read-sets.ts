import type { ListCompletedIssuances } from '../../observability/issued-counts.ts';
import { WEEK_MS } from '../../rate-limit/limits.ts';
import { MAX_CERTIFICATES_PER_SET } from '../../rate-limit/runaway-limit.ts';

/** Certificates of a week that are read at most: those of 200,000 clusters that renew in 45 days would be fewer. */
const MAX_LISTED = 40_000;

/** Sets with so many are listed. */
const MIN_CERTIFICATES = MAX_CERTIFICATES_PER_SET / 2;

/** A set of names with many certificates. */
export interface BusySet {
  /** The first ten. */
  readonly dnsNames: readonly string[];
  /** In the last seven days, of all clusters and CAs. */
  readonly certificates: number;
  /** Of the newest (RFC 3339). */
  readonly last: string;
}

/** Sets with many certificates, the most used first. */
export interface BusySets {
  readonly sets: readonly BusySet[];
  /** RFC 3339: only what was issued since then is counted, because there were too many in the week; absent: all of it is. */
  readonly countedSince?: string;
}

/**
 * The sets of names of which half or more of the bound is used (docs/decisions/no-runaway.md).
 * @param list of the certificates of all clusters, newest first, as Temporal lists them. @param max that are read.
 */
export async function readBusySets(list: ListCompletedIssuances, max = MAX_LISTED): Promise<BusySets> {
  const sets = new Map<string, { dnsNames: readonly string[]; certificates: number; last: number }>();
  let listed = 0;
  let oldest = Number.POSITIVE_INFINITY;
  let isComplete = true;
  for await (const { nameSet, dnsNames, closeTime } of list(Date.now() - WEEK_MS, new AbortController().signal)) {
    if (listed === max) {
      isComplete = false;
      break;
    }
    listed += 1;
    oldest = Math.min(oldest, closeTime);
    if (nameSet === undefined) continue;
    const known = sets.get(nameSet) ?? { dnsNames, certificates: 0, last: closeTime };
    sets.set(nameSet, {
      ...known,
      certificates: known.certificates + 1,
      last: Math.max(known.last, closeTime),
    });
  }
  const busy = [...sets.values()]
    .filter(({ certificates }) => certificates >= MIN_CERTIFICATES)
    .sort((one, other) => other.certificates - one.certificates)
    .map(({ last, ...set }) => ({ ...set, last: new Date(last).toISOString() }));
  return isComplete ? { sets: busy } : { sets: busy, countedSince: new Date(oldest).toISOString() };
}
