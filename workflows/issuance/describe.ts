import type { ZoneTarget } from '../../src/clusters/zone-target.ts';
import type { SealedTxtRecord } from '../../src/contract/activities/txt-records.ts';

/** `c1.example.com`, or, where CNAMEs delegate records, `c1.example.com and acme.example.net`: fits a summary (200 bytes). */
export function describeZones(records: readonly SealedTxtRecord[], { zoneName }: ZoneTarget): string {
  const names = new Set(records.map(({ at }) => at?.zoneName ?? zoneName));
  return [...names].join(' and ').slice(0, 140);
}
