/** A bundle, as activities and messages name it. */
import type { ClusterIdentity } from '../../clusters/cluster-identity.ts';

/** A bundle of a cluster, or the only one of a standalone request. */
export interface BundleRef {
  readonly cluster: ClusterIdentity;
  readonly bundleName: string;
}
