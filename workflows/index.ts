/** Every workflow type that a worker registers, by its exported name. */
export { caBudget } from './ca-budget.ts';
export { campaignWave } from './campaign-wave.ts';
export { certificateIssuance } from './certificate-issuance.ts';
export { clusterCertificates } from './cluster-certificates.ts';
export { managementClusterWatch } from './management-cluster-watch.ts';
export { renewalCampaign } from './renewal-campaign.ts';
