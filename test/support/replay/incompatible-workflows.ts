/** Workflows after a careless change, for the test of the replay test: an issuance starts with a timer that has no marker. */
import { sleep } from '@temporalio/workflow';
import type {
  CertificateIssuanceInput,
  CertificateIssuanceResult,
} from '../../../src/contract/certificate-issuance.ts';
import { certificateIssuance as unchanged } from '../../../workflows/certificate-issuance.ts';

export { caBudget } from '../../../workflows/ca-budget.ts';
export { campaignWave } from '../../../workflows/campaign-wave.ts';
export { clusterCertificates } from '../../../workflows/cluster-certificates.ts';
export { managementClusterWatch } from '../../../workflows/management-cluster-watch.ts';
export { renewalCampaign } from '../../../workflows/renewal-campaign.ts';

/** The workflow with the additional timer. */
export async function certificateIssuance(input: CertificateIssuanceInput): Promise<CertificateIssuanceResult> {
  await sleep('1 second');
  return await unchanged(input);
}
