/** Which orders the activity that places them may fulfill by itself, and whether their records are in the zone. Pure. */
import { isInZone } from '../certificates/dns-name.ts';
import type { ZoneTarget } from '../clusters/zone-target.ts';
import type { PlacedOrder } from './activities/acme.ts';
import type { SealedTxtRecord } from './activities/txt-records.ts';

type Zone = Pick<ZoneTarget, 'zoneName'>;

/** The first record that is neither in the cluster's zone nor delegated to another place; undefined: there is none. */
export function recordOutsideZone<Record extends Pick<SealedTxtRecord, 'name' | 'at'>>(
  records: readonly Record[],
  { zoneName }: Zone,
): Record | undefined {
  return records.find(({ name, at }) => at === undefined && !isInZone(name, zoneName));
}

/** The names of the zones that records are in, each once. */
export function zoneNamesOf(records: readonly Pick<SealedTxtRecord, 'at'>[], { zoneName }: Zone): readonly string[] {
  return [...new Set(records.map(({ at }) => at?.zoneName ?? zoneName))];
}

/** Not an order that is only a proof, whose records stay, or whose records are not in the zone: the workflow decides on those. */
export function isFulfillable({ proof, challenges }: Pick<PlacedOrder, 'proof' | 'challenges'>, zone: Zone): boolean {
  const records = challenges.map(({ record }) => record);
  const areAllPassing = records.every(({ persistent }) => persistent !== true);
  return proof !== true && areAllPassing && recordOutsideZone(records, zone) === undefined;
}
