import type { ClusterRef } from '../../clusters/cluster-identity.ts';
import type { FinalizerOutcome } from '../../contract/activities.ts';
import { CertmanError, type FailureInfo, isFailure } from '../../failures/failure.ts';
import { removeFinalizer } from '../api/finalizers.ts';
import type { KubernetesApi, KubernetesObject, ResourceType } from '../api/kubernetes-api.ts';
import { patchIfUnchanged } from '../api/patch-if-unchanged.ts';
import { describeObject } from '../api/resource-path.ts';
import { retryOnConflict } from '../api/retry-on-conflict.ts';
import { type InvolvedObject, recordEvent } from './events.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS, FINALIZER } from './resources.ts';

const MAX_ATTEMPTS = 3;

/** Whether it is a standalone CertificateRequest. */
export function isStandalone({ kind }: Pick<ClusterRef, 'kind'>): boolean {
  return kind === 'CertificateRequest';
}

/** Kind of the object that a workflow serves. */
export function primaryResource(identity: Pick<ClusterRef, 'kind'>): ResourceType {
  return isStandalone(identity) ? CERTIFICATE_REQUESTS : CLUSTER_DEPLOYMENTS;
}

/** The object, to record an Event on. */
export function involvedObjectOf(identity: ClusterRef): InvolvedObject {
  const { namespace, name, uid } = identity;
  return { resource: primaryResource(identity), namespace, name, uid };
}

/**
 * Adds the finalizer to exactly this ClusterDeployment, by server-side apply: one request, nothing to read before.
 * @throws CertmanError `kubernetes/notFound` when it is gone or re-created, `kubernetes/conflict` when being deleted.
 */
export async function addClusterDeploymentFinalizer(
  kubernetes: KubernetesApi,
  identity: ClusterRef,
): Promise<KubernetesObject> {
  const { namespace, name, uid } = identity;
  try {
    const metadata = { namespace, name, uid, finalizers: [FINALIZER] };
    return await kubernetes.apply(CLUSTER_DEPLOYMENTS, { metadata });
  } catch (error) {
    if (isFailure(error, 'kubernetes/notFound') || isFailure(error, 'kubernetes/conflict')) {
      throw goneError(identity, error);
    }
    // "no new finalizers can be added if the object is being deleted"
    if (isFailure(error, 'kubernetes/invalid') && error.message.includes('being deleted')) {
      throw deletingError(identity, error);
    }
    throw error;
  }
}

/** As {@link addClusterDeploymentFinalizer}, by JSON patch: an apply would remove what was applied for a cluster. */
export async function addStandaloneFinalizer(
  kubernetes: KubernetesApi,
  identity: ClusterRef,
): Promise<KubernetesObject> {
  const request = await retryOnConflict(MAX_ATTEMPTS, async () => {
    const found = await kubernetes.get(CERTIFICATE_REQUESTS, identity);
    if (found?.metadata.uid !== identity.uid) throw goneError(identity);
    const { finalizers = [], deletionTimestamp } = found.metadata;
    if (deletionTimestamp !== undefined || finalizers.includes(FINALIZER)) return found;
    const fields = { '/metadata/finalizers': [...finalizers, FINALIZER] };
    return await patchIfUnchanged(kubernetes, CERTIFICATE_REQUESTS, found.metadata, fields);
  });
  if (request === undefined) throw goneError(identity);
  if (request.metadata.deletionTimestamp !== undefined) throw deletingError(identity);
  return request;
}

/** The object of this uid; undefined when it does not exist, or the API server does not know its kind (any more). */
export async function findPrimaryObject(
  kubernetes: KubernetesApi,
  identity: ClusterRef,
): Promise<KubernetesObject | undefined> {
  try {
    const found = await kubernetes.get(primaryResource(identity), identity);
    return found?.metadata.uid === identity.uid ? found : undefined;
  } catch (error) {
    if (isFailure(error, 'kubernetes/notFound')) return undefined;
    throw error;
  }
}

/** Removes the finalizer after an Event for each leftover. @returns `kept` for a standalone request that stays. */
export async function releasePrimaryObject(
  kubernetes: KubernetesApi,
  identity: ClusterRef,
  leftovers: readonly FailureInfo[],
): Promise<FinalizerOutcome> {
  const resource = primaryResource(identity);
  const found = await findPrimaryObject(kubernetes, identity);
  if (found === undefined) return 'absent';
  if (isStandalone(identity) && found.metadata.deletionTimestamp === undefined) return 'kept';
  for (const failure of leftovers) {
    const message = `The finalizer is removed although this could not be done: ${failure.message}`;
    const details = { type: 'Warning', reason: 'DecommissionIncomplete', message } as const;
    await recordEvent(kubernetes, involvedObjectOf(identity), details);
  }
  return (await removeFinalizer(kubernetes, resource, found, FINALIZER)) ? 'released' : 'absent';
}

function goneError(identity: ClusterRef, cause?: unknown): CertmanError {
  return new CertmanError({
    code: 'kubernetes/notFound',
    message: `${describeObject(primaryResource(identity), identity)} with uid ${identity.uid} does not exist any more.`,
    remedy: 'certman does nothing for it until the controller observes it again.',
    cause,
  });
}

function deletingError(identity: ClusterRef, cause?: unknown): CertmanError {
  return new CertmanError({
    code: 'kubernetes/conflict',
    message: `${describeObject(primaryResource(identity), identity)} is being deleted, so no certificate is started for it.`,
    remedy: 'The controller signals the deletion to the workflow.',
    cause,
  });
}
