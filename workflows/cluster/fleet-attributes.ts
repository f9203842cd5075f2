/** Which of a cluster's bundles its search attributes speak of. */

import type { CertificateState } from '../../src/certificates/status-report.ts';
import { reasonOf } from '../../src/certificates/status-wording.ts';
import type { BundleRecord } from '../contract.ts';

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
      inOrder(a.certificate?.notAfter ?? '', b.certificate?.notAfter ?? ''),
  )[0];
}

/** The one word beside the state. */
export function reasonShown(record: BundleRecord): string {
  return record.failure === undefined ? record.state : reasonOf(record.failure.code);
}

/** By code units: what a locale thinks of the order may differ from worker to worker. */
function inOrder(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
