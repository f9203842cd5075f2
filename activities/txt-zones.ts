/** The zones that records of an order are put into: the cluster's own, and the one that CNAMEs delegate them to. */
import { isOwnerTagFor } from '../src/acme/owner-tag.ts';
import type { TxtRecord } from '../src/certificates/dns-name.ts';
import type { ZoneTarget } from '../src/clusters/zone-target.ts';
import type { SealedTxtRecord } from '../src/contract/activities/txt-records.ts';
import type { ChallengeDelegation } from '../src/dns/challenge-delegation.ts';
import type { DnsProvider } from '../src/dns/provider.ts';
import { inZone, type RecordZone } from '../src/dns/record-zone.ts';

/** Records of one zone, by the names that they have there. */
export interface RecordsOfZone extends RecordZone {
  readonly records: readonly TxtRecord[];
}

/**
 * The records, each with its place. That of one that no seal vouches for is what DNS says now, whatever the input says.
 * @param onFailed of such a look-up: the record is then at its own name. @throws CertmanError `dns/…` without it.
 */
export async function withPlaces(
  delegation: ChallengeDelegation,
  zone: ZoneTarget,
  records: readonly SealedTxtRecord[],
  isSealed: (record: SealedTxtRecord) => boolean,
  signal: AbortSignal,
  onFailed?: () => undefined,
): Promise<readonly SealedTxtRecord[]> {
  return await Promise.all(
    records.map(async (record) => {
      if (isSealed(record)) return record;
      const places = await delegation.placesOf(zone, [record.name], signal).catch((error: unknown) => {
        if (onFailed === undefined || signal.aborted) throw error;
        return onFailed();
      });
      return { ...record, at: places?.[0] };
    }),
  );
}

/** With their owner tags, by their names there, the cluster's own zone first. */
export function zonesOf(
  delegation: ChallengeDelegation,
  zone: ZoneTarget,
  records: readonly SealedTxtRecord[],
): readonly RecordsOfZone[] {
  return delegation.groupByZone(zone, records).map(({ records: some, ...where }) => ({
    ...where,
    records: some.flatMap(({ name, value, at, owner }) => {
      const there = { name: at?.name ?? name, value };
      // It comes through Temporal: any other value could be another's.
      const isTag = typeof owner === 'string' && isOwnerTagFor(String(value), owner);
      return isTag ? [there, { ...there, value: owner }] : [there];
    }),
  }));
}

/**
 * Withdraws from each zone, also where another one fails; not from one in which nothing can be done any more.
 * @throws the first failure.
 */
export async function withdrawFrom(
  dns: DnsProvider,
  zones: readonly RecordsOfZone[],
  signal: AbortSignal,
): Promise<void> {
  const settled = await Promise.allSettled(
    // No new CNAME helps with what was put there.
    zones
      .filter(({ problem }) => problem === undefined)
      .map((zone) => inZone({ ...zone, hint: undefined }, () => dns.withdraw(zone.target, zone.records, signal))),
  );
  for (const result of settled) if (result.status === 'rejected') throw result.reason;
}
