/** Which of a cluster's bundles its search attributes speak of. */

import { conditionReason } from '../../src/certificates/status-messages.ts';
import type { CertificateState } from '../../src/certificates/status-report.ts';
import type { BundleRecord } from '../../src/contract/bundle-record.ts';

/** Most urgent first. */
const URGENCY: readonly CertificateState[] = [
  'Failing',
  'Waiting',
  'Decommissioning',
  'Issuing',
  'Pending',
  'Renewing',
  'Paused',
  'Ready',
];

/** The record that a person looking over the fleet should see; of equals, the one that expires first. */
export function mostUrgent(records: readonly BundleRecord[]): BundleRecord | undefined {
  return [...records].sort(
    (a, b) =>
      URGENCY.indexOf(a.state) - URGENCY.indexOf(b.state) ||
      compareCodeUnits(a.certificate?.notAfter ?? '', b.certificate?.notAfter ?? ''),
  )[0];
}

/** The one word beside the state. */
export function reasonAttribute(record: BundleRecord): string {
  return record.failure === undefined ? record.state : conditionReason(record.failure.code);
}

/** By code units: what a locale thinks of the order may differ from worker to worker. */
function compareCodeUnits(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
