/** Which kind of object a workflow looks after. */
import type { ClusterIdentity } from '../../clusters/cluster-view.ts';
import { type ResourceType } from '../api/kubernetes-api.ts';
import type { InvolvedObject } from './events.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS } from './resources.ts';

/** Whether it is a CertificateRequest that its user made, not a ClusterDeployment. */
export function isStandalone({ kind }: Pick<ClusterIdentity, 'kind'>): boolean {
  return kind === 'CertificateRequest';
}

/** ClusterDeployments, or CertificateRequests where one stands alone. */
export function primaryResource(served: Pick<ClusterIdentity, 'kind'>): ResourceType {
  return isStandalone(served) ? CERTIFICATE_REQUESTS : CLUSTER_DEPLOYMENTS;
}

/** The object that Events about it are recorded on. */
export function involvedObjectOf(cluster: Omit<ClusterIdentity, 'managementCluster'>): InvolvedObject {
  const { namespace, name, uid } = cluster;
  return { resource: primaryResource(cluster), namespace, name, uid };
}
