import type { ClusterIdentity } from '../../clusters/cluster-identity.ts';
import type { BundleView, ClusterView } from '../../clusters/cluster-view.ts';
import type { ApplyCertificateRequestInput } from '../../contract/activities/kubernetes.ts';
import { CertmanError, isFailure } from '../../failures/failure.ts';
import { removeFinalizer } from '../api/finalizers.ts';
import type { KubernetesApi, KubernetesObject } from '../api/kubernetes-api.ts';
import { retryOnConflict } from '../api/retry-on-conflict.ts';
import {
  buildCertificateRequest,
  clusterOwnersOf,
  foreignRequestError,
  requestOwnershipOf,
} from './certificate-request.ts';
import { CERTIFICATE_REQUESTS, FINALIZER } from './resources.ts';
import { orphanSecret } from './secret-ownership.ts';
import { stagingSecretName } from './staging-secret.ts';

const MAX_ATTEMPTS = 3;

/** Added by the API server for a deletion that waits for the garbage collector, which removes them soon. */
const GARBAGE_COLLECTOR_FINALIZERS = new Set(['foregroundDeletion', 'orphan']);
const GARBAGE_COLLECTOR_RETRY_MS = 500;

/** The CertificateRequest that a bundle needs. */
export interface WantedRequest extends Pick<ApplyCertificateRequestInput, 'requestUid'> {
  readonly cluster: ClusterView;
  readonly bundle: BundleView;
}

/**
 * Creates or corrects a CertificateRequest, never another cluster's; one request as a rule. Writes only to the object of
 * `requestUid`, or to one that it has read: what has taken its place since may be a successor's. If it is being deleted,
 * it is released and created anew; its Secrets stay.
 * @throws CertmanError `kubernetes/ownedByOther`: another's request, or another's finalizer delays its deletion;
 * `kubernetes/conflict`: the garbage collector delays it, or it keeps being replaced.
 */
export async function ensureCertificateRequest(
  kubernetes: KubernetesApi,
  { cluster, bundle, requestUid }: WantedRequest,
  email: string,
): Promise<KubernetesObject> {
  const desired = buildCertificateRequest(cluster, bundle, email);
  let knownUid = requestUid;
  for (let attempt = 1; ; attempt += 1) {
    const request = await retryOnConflict(MAX_ATTEMPTS, async () => {
      const uid = knownUid ?? (await readRequestUid(kubernetes, cluster, desired));
      knownUid = undefined;
      return await applyUnlessForeign(kubernetes, cluster, { ...desired, metadata: { ...desired.metadata, uid } });
    });
    if (request.metadata.deletionTimestamp === undefined) return request;
    await releaseRequest(kubernetes, cluster, request, bundle.secretName);
    if (attempt >= MAX_ATTEMPTS) throw deletionDelayedError(request, cluster.identity);
  }
}

/** @returns undefined when there is none: an apply creates it. @throws CertmanError `kubernetes/ownedByOther`. */
async function readRequestUid(
  kubernetes: KubernetesApi,
  { identity }: ClusterView,
  desired: KubernetesObject,
): Promise<string | undefined> {
  const found = await kubernetes.get(CERTIFICATE_REQUESTS, desired.metadata);
  if (found !== undefined) throwIfForeign(found, identity);
  return found?.metadata.uid;
}

/** A leftover of an earlier cluster of the same name, which is being deleted, is none. */
function throwIfForeign({ metadata }: KubernetesObject, identity: ClusterIdentity): void {
  const ownership = requestOwnershipOf(metadata, identity);
  if (ownership.kind !== 'foreign') return;
  if (metadata.deletionTimestamp !== undefined && ownership.owner.name === identity.name) return;
  throw foreignRequestError(metadata, ownership.owner, identity);
}

/** @returns the request; if being deleted, it is this cluster's or a leftover of an earlier one of the same name. */
async function applyUnlessForeign(
  kubernetes: KubernetesApi,
  { identity }: ClusterView,
  desired: KubernetesObject,
): Promise<KubernetesObject> {
  try {
    return await kubernetes.apply(CERTIFICATE_REQUESTS, desired);
  } catch (error) {
    // Refused: a second controlling owner, or a new finalizer on an object that is being deleted.
    if (!isFailure(error, 'kubernetes/invalid')) throw error;
    const found = await kubernetes.get(CERTIFICATE_REQUESTS, desired.metadata);
    if (found === undefined) throw error;
    throwIfForeign(found, identity);
    if (found.metadata.deletionTimestamp === undefined) throw error;
    return found;
  }
}

/** Lets a deletion finish. The garbage collector would delete the Secrets, so their owner reference goes first. */
async function releaseRequest(
  kubernetes: KubernetesApi,
  { identity }: ClusterView,
  request: KubernetesObject,
  secretName: string,
): Promise<void> {
  const { namespace, name, uid } = request.metadata;
  for (const secret of isLeftover(request, identity) ? [] : [secretName, stagingSecretName(name)]) {
    await orphanSecret(kubernetes, { namespace, name: secret }, uid);
  }
  await removeFinalizer(kubernetes, CERTIFICATE_REQUESTS, request, FINALIZER);
}

/** Whether the request belonged to earlier clusters of the same name only. */
function isLeftover({ metadata }: KubernetesObject, { uid }: ClusterIdentity): boolean {
  const owners = clusterOwnersOf(metadata);
  return owners.length > 0 && owners.every((owner) => owner.uid !== uid);
}

function deletionDelayedError(request: KubernetesObject, identity: ClusterIdentity): CertmanError {
  const { namespace, name, finalizers: all = [] } = request.metadata;
  const finalizers = all.filter((finalizer) => finalizer !== FINALIZER);
  // No event of a leftover signals this cluster, so it is retried rather than waited for.
  const transient =
    isLeftover(request, identity) || finalizers.every((finalizer) => GARBAGE_COLLECTOR_FINALIZERS.has(finalizer));
  return new CertmanError({
    code: transient ? 'kubernetes/conflict' : 'kubernetes/ownedByOther',
    message: `CertificateRequest ${namespace}/${name} is being deleted, and cannot be created anew before it is gone (finalizers: ${finalizers.join(', ') || 'none'}).`,
    remedy: transient
      ? 'It is created as soon as the other finalizers are gone.'
      : 'Its finalizers name what delays its deletion; once it is gone, certman continues by itself.',
    notBefore: transient ? new Date(Date.now() + GARBAGE_COLLECTOR_RETRY_MS) : undefined,
  });
}
