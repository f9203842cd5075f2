import { canonicalJson, digestOf } from '../certificates/digest.ts';
import type { ReportedCondition, StatusReport } from '../certificates/status-report.ts';
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

/** Of the digest, for good: histories hold digests, and a workflow that computes another one writes the status itself. */
const DIGESTED_CONDITIONS: ReadonlySet<string> = new Set<ReportedCondition['type']>([
  'Ready',
  'Renewing',
  'Failing',
  'ExpiryNear',
  'ObjectWriteFailing',
]);

/**
 * Equal for equal reports, on whichever side of an activity they were made. Parts that reports did not have at first stay
 * out of it: where nothing is due, both sides derive them from the same facts.
 */
export function reportDigest(report: StatusReport): string {
  const { installation: _installed, observedGeneration: _generation, ...digested } = report;
  const conditions = report.conditions.filter(({ type }) => DIGESTED_CONDITIONS.has(type));
  return digestOf(canonicalJson({ ...digested, conditions }));
}
