import type { ClusterRef } from '../../clusters/cluster-identity.ts';
import type { FinalizerOutcome } from '../../contract/activities/kubernetes.ts';
import { CertmanError, type FailureCode, type FailureInfo, isFailure } from '../../failures/failure.ts';
import { getIfKnown } from '../api/discovery.ts';
import { removeFinalizer } from '../api/finalizers.ts';
import type { KubernetesApi, KubernetesObject, ResourceType } from '../api/kubernetes-api.ts';
import { patchIfUnchanged } from '../api/patch-if-unchanged.ts';
import { describeObject } from '../api/resource-path.ts';
import { retryOnConflict } from '../api/retry-on-conflict.ts';
import type { InvolvedObject, RecordEvent } from './events.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS, FINALIZER } from './resources.ts';

const MAX_ATTEMPTS = 3;

/** The object to write is gone, being deleted, changed meanwhile, another's, or not to be served. */
const NO_TARGET_CODES = new Set<FailureCode>([
  'kubernetes/notFound',
  'kubernetes/conflict',
  'kubernetes/ownedByOther',
  'kubernetes/notAskedFor',
]);

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

/** An object that was read, and why it could not be written. */
export interface ReadObject {
  readonly object: KubernetesObject;
  readonly writeError?: CertmanError;
}

/**
 * Adds the finalizer to exactly this object where a read shows that it is missing: a write passes Hive's admission
 * webhook, which may be down.
 * @param object as {@link readPrimaryObject} has just returned it.
 * @param refused why it could not be written just now; it is not tried again.
 * @throws CertmanError as {@link readPrimaryObject}.
 */
export async function ensureFinalizer(
  kubernetes: KubernetesApi,
  identity: ClusterRef,
  object: KubernetesObject,
  refused?: CertmanError,
): Promise<ReadObject> {
  if (object.metadata.finalizers?.includes(FINALIZER) === true) return { object };
  if (refused !== undefined) return { object, writeError: refused };
  try {
    return { object: await addFinalizer(kubernetes, identity, object) };
  } catch (error) {
    if (!isWriteError(error)) throw error;
    return { object, writeError: error };
  }
}

/**
 * Adds the finalizer to exactly this ClusterDeployment without a read, if it is still of this resourceVersion.
 * @returns the object; undefined where it is gone, re-created, or changed since. @throws CertmanError: it could not be written.
 */
export async function addFinalizerIfUnchanged(
  kubernetes: KubernetesApi,
  identity: ClusterRef,
  resourceVersion: string,
): Promise<KubernetesObject | undefined> {
  try {
    return await applyClusterDeploymentFinalizer(kubernetes, identity, resourceVersion);
  } catch (error) {
    if (error instanceof CertmanError && NO_TARGET_CODES.has(error.code)) return undefined;
    throw error;
  }
}

/** Whether a write failed although its object is there and belongs to no other. */
export function isWriteError(error: unknown): error is CertmanError {
  return error instanceof CertmanError && !NO_TARGET_CODES.has(error.code);
}

/**
 * Reads the object of this uid.
 * @throws CertmanError `kubernetes/notFound` when it is gone or re-created, `kubernetes/conflict` when being deleted.
 */
export async function readPrimaryObject(kubernetes: KubernetesApi, identity: ClusterRef): Promise<KubernetesObject> {
  const found = await kubernetes.get(primaryResource(identity), identity);
  if (found?.metadata.uid !== identity.uid) throw goneError(identity);
  if (found.metadata.deletionTimestamp !== undefined) throw deletingError(identity);
  return found;
}

async function addFinalizer(
  kubernetes: KubernetesApi,
  identity: ClusterRef,
  read: KubernetesObject,
): Promise<KubernetesObject> {
  if (!isStandalone(identity)) return await applyClusterDeploymentFinalizer(kubernetes, identity);
  // By JSON patch: an apply would remove what was applied to the request for a cluster.
  let found: KubernetesObject | undefined = read;
  return await retryOnConflict(MAX_ATTEMPTS, async () => {
    const { metadata } = found ?? (await readPrimaryObject(kubernetes, identity));
    found = undefined;
    const fields = { '/metadata/finalizers': [...new Set([...(metadata.finalizers ?? []), FINALIZER])] };
    const patched = await patchIfUnchanged(kubernetes, CERTIFICATE_REQUESTS, metadata, fields);
    if (patched === undefined) throw goneError(identity);
    return patched;
  });
}

async function applyClusterDeploymentFinalizer(
  kubernetes: KubernetesApi,
  identity: ClusterRef,
  resourceVersion?: string,
): Promise<KubernetesObject> {
  const { namespace, name, uid } = identity;
  try {
    const metadata = { namespace, name, uid, resourceVersion, finalizers: [FINALIZER] };
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

/** The object of this uid; undefined when it does not exist, or the API server does not know its kind (any more). */
export async function findPrimaryObject(
  kubernetes: KubernetesApi,
  identity: ClusterRef,
): Promise<KubernetesObject | undefined> {
  const found = await getIfKnown(kubernetes, primaryResource(identity), identity);
  return found?.metadata.uid === identity.uid ? found : undefined;
}

/**
 * Removes the finalizer after an Event for each leftover. @returns `kept` for an object that is not being deleted.
 * @param requireRemovable throws while the deletion has to wait.
 */
export async function releasePrimaryObject(
  kubernetes: KubernetesApi,
  identity: ClusterRef,
  leftovers: readonly FailureInfo[],
  recordEvent: RecordEvent,
  requireRemovable: (found: KubernetesObject) => void,
): Promise<FinalizerOutcome> {
  const resource = primaryResource(identity);
  const found = await findPrimaryObject(kubernetes, identity);
  if (found === undefined) return 'absent';
  if (found.metadata.deletionTimestamp === undefined) return 'kept';
  requireRemovable(found);
  const record = async (failure: FailureInfo): Promise<void> => {
    const message = `The finalizer is removed although this could not be done: ${failure.message}`;
    await recordEvent(involvedObjectOf(identity), { type: 'Warning', reason: 'DecommissionIncomplete', message });
  };
  await Promise.all(leftovers.map(record));
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
