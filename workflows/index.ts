/** Every workflow type that a worker registers, by its exported name. */
export { certificateIssuance } from './certificate-issuance.ts';
export { clusterCertificates } from './cluster-certificates.ts';
export { managementClusterWatch } from './management-cluster-watch.ts';
