/** Makes the CertificateRequest of a bundle be what it should be, without ever taking another cluster's. */
import type { BundleView, ClusterView } from '../../clusters/cluster-view.ts';
import { CertmanError } from '../../failures/failure.ts';
import { removeFinalizer } from '../api/finalizers.ts';
import { type KubernetesApi, type KubernetesObject } from '../api/kubernetes-api.ts';
import { buildCertificateRequest, foreignRequestError, requestOwnershipOf } from './certificate-request.ts';
import { CERTIFICATE_REQUESTS, FINALIZER } from './resources.ts';
import { orphanSecret } from './secret-ownership.ts';
import { stagingSecretName } from './secrets.ts';

const MAX_ATTEMPTS = 3;

/** Put on by the API server itself for a deletion that waits for the garbage collector; gone within moments. */
const GARBAGE_COLLECTOR_FINALIZERS = new Set(['foregroundDeletion', 'orphan']);
const GARBAGE_COLLECTOR_RETRY_MS = 500;

/**
 * One request as a rule. One that somebody deleted is let go and made again, its Secrets kept: with the reference to it still
 * on them, the garbage collector would delete them. @returns the CertificateRequest as it is now.
 * @throws CertmanError `kubernetes/ownedByOther` when it belongs to another ClusterDeployment, or is being deleted and somebody
 * else holds it; `kubernetes/conflict` while the garbage collector holds it.
 */
export async function ensureCertificateRequest(
  kubernetes: KubernetesApi,
  cluster: ClusterView,
  bundle: BundleView,
  email: string,
  signal?: AbortSignal,
): Promise<KubernetesObject> {
  const wanted = buildCertificateRequest(cluster, bundle, email);
  for (let attempt = 1; ; attempt += 1) {
    const applied = await applyUnlessForeign(kubernetes, cluster, wanted, signal);
    if (applied !== undefined && applied.metadata.deletionTimestamp === undefined) return applied;
    if (applied !== undefined) await releaseRequest(kubernetes, applied, bundle.secretName, signal);
    if (attempt >= MAX_ATTEMPTS) throw beingDeletedError(applied ?? wanted);
  }
}

async function releaseRequest(
  kubernetes: KubernetesApi,
  request: KubernetesObject,
  secretName: string,
  signal?: AbortSignal,
): Promise<void> {
  const { namespace = '', name, uid } = request.metadata;
  for (const secret of [secretName, stagingSecretName(name)]) {
    await orphanSecret(kubernetes, { namespace, name: secret }, uid, signal);
  }
  await removeFinalizer(kubernetes, CERTIFICATE_REQUESTS, request, signal);
}

function beingDeletedError({ metadata }: KubernetesObject): CertmanError {
  const { namespace, name } = metadata;
  const holders = (metadata.finalizers ?? []).filter((finalizer) => finalizer !== FINALIZER);
  const passing = holders.every((holder) => GARBAGE_COLLECTOR_FINALIZERS.has(holder));
  return new CertmanError({
    code: passing ? 'kubernetes/conflict' : 'kubernetes/ownedByOther',
    message: `CertificateRequest ${namespace}/${name} is being deleted, and cannot be made again before it is gone (finalizers: ${holders.join(', ') || 'none'}).`,
    remedy: passing
      ? 'It is made again as soon as the garbage collector has let it go.'
      : 'See by its finalizers who holds it; once it is gone, it goes on by itself.',
    ...(passing ? { notBefore: new Date(Date.now() + GARBAGE_COLLECTOR_RETRY_MS) } : {}),
  });
}

/** @returns the request, being deleted or not; undefined when a leftover of an earlier cluster of the same name was let go, so that the next try creates it. */
async function applyUnlessForeign(
  kubernetes: KubernetesApi,
  cluster: ClusterView,
  wanted: KubernetesObject,
  signal?: AbortSignal,
): Promise<KubernetesObject | undefined> {
  const { identity } = cluster;
  try {
    return await kubernetes.apply(CERTIFICATE_REQUESTS, wanted, signal === undefined ? {} : { signal });
  } catch (error) {
    // The API server allows one controlling owner only: with another's there, ours is refused and nothing was changed.
    if (!(error instanceof CertmanError) || error.code !== 'kubernetes/invalid') throw error;
    const { name, namespace } = wanted.metadata;
    const key = { name, ...(namespace === undefined ? {} : { namespace }) };
    const found = await kubernetes.get(CERTIFICATE_REQUESTS, key, signal);
    const owner = found === undefined ? undefined : requestOwnershipOf(found.metadata, identity);
    if (found === undefined || owner === undefined) throw error;
    const deleting = found.metadata.deletionTimestamp !== undefined;
    if (owner.kind !== 'other') {
      // An object on its way out takes no new finalizer: that, and nothing about ours, is what was refused.
      if (deleting) return found;
      throw error;
    }
    const leftover = owner.ownerName === identity.name && deleting;
    if (!leftover) throw foreignRequestError(found.metadata, owner, identity);
    await removeFinalizer(kubernetes, CERTIFICATE_REQUESTS, found, signal);
    return undefined;
  }
}
