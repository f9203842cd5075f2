import type { ZoneTarget } from '../../src/clusters/zone-target.ts';
import type { SealedTxtRecord } from '../../src/contract/activities/txt-records.ts';
import { zoneNamesOf } from '../../src/contract/fulfillable-order.ts';
import { withinBytes } from '../../src/contract/within-bytes.ts';

/** Temporal's limit is 400 bytes. */
const MAX_SUMMARY_BYTES = 300;

/** The summary of an activity, which Temporal limits. */
export function withinSummary(text: string): string {
  return withinBytes(text, MAX_SUMMARY_BYTES);
}

/** `c1.example.com`, or, where CNAMEs delegate records, `c1.example.com and acme.example.net`: fits a summary (200 bytes). */
export function describeZones(records: readonly SealedTxtRecord[], zone: ZoneTarget): string {
  return zoneNamesOf(records, zone).join(' and ').slice(0, 140);
}
