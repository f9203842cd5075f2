/** Which kind of object a workflow looks after. */
import type { ClusterIdentity } from '../clusters/cluster-view.ts';
import type { EventSubject } from './events.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS, type ResourceType } from './kubernetes-api.ts';

/** Whether it is a CertificateRequest that its user made, not a ClusterDeployment. */
export function standsAlone({ kind }: Pick<ClusterIdentity, 'kind'>): boolean {
  return kind === 'CertificateRequest';
}

/** ClusterDeployments, or CertificateRequests where one stands alone. */
export function servedResource(served: Pick<ClusterIdentity, 'kind'>): ResourceType {
  return standsAlone(served) ? CERTIFICATE_REQUESTS : CLUSTER_DEPLOYMENTS;
}

/** The object itself, to say an Event of. */
export function servedSubject(served: ClusterIdentity): EventSubject {
  const { namespace, name, uid } = served;
  return { resource: servedResource(served), namespace, name, uid };
}
