import type { Client } from '@temporalio/client';
import { WEEK_MS } from '../../rate-limit/limits.ts';
import { MAX_CERTIFICATES_PER_SET } from '../../rate-limit/runaway-limit.ts';
import { listCompletedIssuances } from '../../worker/list-completed-issuances.ts';

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

/** The sets of names of which half or more of the bound is used (docs/decisions/no-runaway.md), the most used first. */
export async function readBusySets(client: Client): Promise<readonly BusySet[]> {
  const sets = new Map<string, { dnsNames: readonly string[]; certificates: number; last: number }>();
  let listed = 0;
  const list = listCompletedIssuances(client, undefined);
  for await (const { nameSet, dnsNames, closeTime } of list(Date.now() - WEEK_MS, new AbortController().signal)) {
    listed += 1;
    if (listed > MAX_LISTED) break;
    if (nameSet === undefined) continue;
    const known = sets.get(nameSet) ?? { dnsNames, certificates: 0, last: closeTime };
    sets.set(nameSet, {
      ...known,
      certificates: known.certificates + 1,
      last: Math.max(known.last, closeTime),
    });
  }
  return [...sets.values()]
    .filter(({ certificates }) => certificates >= MIN_CERTIFICATES)
    .sort((one, other) => other.certificates - one.certificates)
    .map(({ last, ...set }) => ({ ...set, last: new Date(last).toISOString() }));
}
