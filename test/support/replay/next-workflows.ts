/**
 * The workflows of a next version, for tests of upgrades: the present ones with a change of commands behind a `patched`
 * marker. A clone may have no history to build another version from, and a change in tests needs no marker in production.
 */
import { patched, upsertMemo } from '@temporalio/workflow';
import type { ClusterCertificatesInput, DecommissionResult } from '../../../src/contract/cluster-certificates.ts';
import { clusterCertificates as present } from '../../../workflows/cluster-certificates.ts';

export { caBudget } from '../../../workflows/ca-budget.ts';
export { campaignWave } from '../../../workflows/campaign-wave.ts';
export { certificateIssuance } from '../../../workflows/certificate-issuance.ts';
export { managementClusterWatch } from '../../../workflows/management-cluster-watch.ts';
export { renewalCampaign } from '../../../workflows/renewal-campaign.ts';

/** The marker of the change. */
export const NEXT_PATCH = 'test-next';

/** Evaluates the marker once, at the start of a run, and adds one command: a memo field. */
export async function clusterCertificates(input: ClusterCertificatesInput): Promise<DecommissionResult> {
  if (patched(NEXT_PATCH)) upsertMemo({ version: 'next' });
  return await present(input);
}
