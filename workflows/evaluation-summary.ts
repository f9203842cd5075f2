import type { ApplyCertificateRequestsInput } from '../src/contract/activities/kubernetes.ts';

/** Temporal's limit is 400 bytes. */
const MAX_SUMMARY_LENGTH = 100;

/** What an evaluation is for, as the Web UI shows it beside the activity or marker. */
export function evaluationSummary({ bundles }: ApplyCertificateRequestsInput): string {
  const names = bundles.map(({ bundleName }) => bundleName).join(', ');
  return `evaluate ${names}`.slice(0, MAX_SUMMARY_LENGTH);
}
