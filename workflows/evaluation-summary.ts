import type { ApplyCertificateRequestsInput } from '../src/contract/activities/kubernetes.ts';
import { withinBytes } from '../src/contract/within-bytes.ts';

/** Temporal's limit is 400 bytes. */
const MAX_SUMMARY_BYTES = 100;

/** What an evaluation is for, as the Web UI shows it beside the activity or marker. */
export function evaluationSummary({ bundles }: ApplyCertificateRequestsInput): string {
  const names = bundles.map(({ bundleName }) => bundleName).join(', ');
  return withinBytes(`evaluate ${names}`, MAX_SUMMARY_BYTES);
}
