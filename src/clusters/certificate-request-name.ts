/**
 * Name of the CertificateRequest of a bundle: lower case `<clusterdeployment>-<bundle>`, as certman-operator named them. Pure.
 */
import type { BundleView, ClusterIdentity } from './cluster-view.ts';

export function requestName(clusterDeployment: string, bundleName: string): string {
  return `${clusterDeployment}-${bundleName}`.toLowerCase();
}

/** The CertificateRequest that a bundle has: its own when it stands alone, else the one named after it. */
export function requestNameOf(
  cluster: Pick<ClusterIdentity, 'name'>,
  bundle: Pick<BundleView, 'name' | 'requestName'>,
): string {
  return bundle.requestName ?? requestName(cluster.name, bundle.name);
}
