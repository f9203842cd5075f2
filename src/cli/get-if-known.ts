import { isFailure } from '../failures/failure.ts';
import type { KubernetesApi, KubernetesObject, ObjectKey, ResourceType } from '../kubernetes/api/kubernetes-api.ts';

/**
 * As `get`. @returns undefined also where the kind is not installed: without Hive, there are no ClusterDeployments.
 * @throws CertmanError `kubernetes/…`
 */
export async function getIfKnown(
  kubernetes: Pick<KubernetesApi, 'get'>,
  resource: ResourceType,
  key: ObjectKey,
): Promise<KubernetesObject | undefined> {
  try {
    return await kubernetes.get(resource, key);
  } catch (error) {
    if (isFailure(error, 'kubernetes/notFound')) return undefined;
    throw error;
  }
}
