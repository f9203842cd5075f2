import { canonicalJson, digestOf } from '../certificates/digest.ts';
import type { StatusReport } from '../certificates/status-report.ts';
import { type BundleRecord, failedAttemptsOf, nextAttemptOf, renewalTimeOf } from './bundle-record.ts';
import { conditionsFor } from './conditions.ts';

/** What is reported of a bundle at `now` (epoch milliseconds), without an Event. Pure. */
export function statusReportOf(
  bundleName: string,
  record: BundleRecord,
  workflowId: string,
  now: number,
): StatusReport {
  const { requestName, secretName, state, certificate, installation, caHost, suggestedWindow } = record;
  return {
    bundleName,
    requestName,
    secretName,
    workflowId,
    state,
    conditions: conditionsFor(record, now),
    observedGeneration: record.generation,
    certificate,
    installation: certificate && installation,
    caHost,
    suggestedWindow,
    renewalTime: renewalTimeOf(record),
    nextAttempt: nextAttemptOf(record),
    failedAttempts: failedAttemptsOf(record),
  };
}

/** Equal for equal reports, on whichever side of an activity they were made. */
export function reportDigest(report: StatusReport): string {
  return digestOf(canonicalJson(report));
}
