import type { ClusterIdentity } from './cluster-view.ts';

/** What of a bundle is to be taken off the API server. */
export interface RemoveBundleInput {
  readonly cluster: ClusterIdentity;
  readonly bundleName: string;
  readonly secretName: string;
  /** Its CertificateRequest; absent: the one that is called after the cluster and the bundle. */
  readonly requestName?: string;
}
