import { isFailure } from '../failures/failure.ts';
import type { KubernetesApi, KubernetesObject, ResourceType } from '../kubernetes/api/kubernetes-api.ts';
import { clusterOwnersOf } from '../kubernetes/objects/certificate-request.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS } from '../kubernetes/objects/resources.ts';
import { type Selection, selectorFailure } from './selection.ts';

/** A cluster or standalone CertificateRequest that is selected. */
export interface SelectedObject {
  readonly resource: ResourceType;
  readonly namespace: string;
  readonly name: string;
  /** Its metadata; nothing else is read. */
  readonly object: KubernetesObject;
}

/** By the labels of the ClusterDeployments and standalone CertificateRequests. @throws UsageError for labels that are none; CertmanError `kubernetes/…` */
export async function* selectObjects(
  kubernetes: KubernetesApi,
  { namespace, selector }: Selection,
): AsyncGenerator<SelectedObject> {
  for (const resource of [CLUSTER_DEPLOYMENTS, CERTIFICATE_REQUESTS]) {
    try {
      const options = { namespace, labelSelector: selector, metadataOnly: true };
      for await (const object of kubernetes.list(resource, options)) {
        // That of a cluster is part of the cluster.
        if (resource === CERTIFICATE_REQUESTS && clusterOwnersOf(object.metadata).length > 0) continue;
        const { namespace: where = '', name } = object.metadata;
        yield { resource, namespace: where, name, object };
      }
    } catch (error) {
      // Without Hive, there are no ClusterDeployments.
      if (resource === CLUSTER_DEPLOYMENTS && isFailure(error, 'kubernetes/notFound')) continue;
      throw selectorFailure(error, selector);
    }
  }
}
