import type { ClusterRef } from './cluster-identity.ts';
import type { BundleView } from './cluster-view.ts';

/** Name of a bundle's CertificateRequest: lower case `<clusterdeployment>-<bundle>`, as certman-operator names them. */
export function requestName(clusterDeployment: string, bundleName: string): string {
  return `${clusterDeployment}-${bundleName}`.toLowerCase();
}

/** The CertificateRequest of a bundle: the name in the view, else {@link requestName}. */
export function requestNameOf(
  cluster: Pick<ClusterRef, 'name'>,
  bundle: Pick<BundleView, 'name' | 'requestName'>,
): string {
  return bundle.requestName ?? requestName(cluster.name, bundle.name);
}
