/** Takes a CertificateRequest that stands alone into certman's care. Nothing but our finalizer is ever written to it. */
import type { ClusterIdentity } from '../../clusters/cluster-view.ts';
import { CertmanError } from '../../failures/failure.ts';
import { type KubernetesApi, type KubernetesObject } from '../api/kubernetes-api.ts';
import { observeRequest } from './observed-request.ts';
import { CERTIFICATE_REQUESTS, FINALIZER } from './resources.ts';

const MAX_ATTEMPTS = 3;

/**
 * Puts the finalizer on exactly this CertificateRequest, by JSON patch: a server-side apply would take away what certman may
 * have applied to it while it still belonged to a cluster. One request once it is on. @returns it as it is now.
 * @throws CertmanError `kubernetes/notFound` when it is gone, or another one has its name; `kubernetes/conflict` when it is being deleted.
 */
export async function addStandaloneFinalizer(
  kubernetes: KubernetesApi,
  identity: ClusterIdentity,
  signal?: AbortSignal,
): Promise<KubernetesObject> {
  const { namespace, name, uid } = identity;
  for (let attempt = 1; ; attempt += 1) {
    const found = await kubernetes.get(CERTIFICATE_REQUESTS, { namespace, name }, signal);
    if (found?.metadata.uid !== uid) {
      throw new CertmanError({
        code: 'kubernetes/notFound',
        message: `CertificateRequest ${namespace}/${name} with uid ${uid} does not exist any more.`,
        remedy: 'Nothing is done for it until the watch tells what became of it.',
      });
    }
    const { finalizers = [], resourceVersion, deletionTimestamp } = found.metadata;
    if (deletionTimestamp !== undefined) {
      throw new CertmanError({
        code: 'kubernetes/conflict',
        message: `CertificateRequest ${namespace}/${name} is being deleted, so no certificate is begun for it.`,
        remedy: 'The watch tells the workflow of the deletion.',
      });
    }
    if (finalizers.includes(FINALIZER)) return found;
    try {
      const held = await kubernetes.patch(
        CERTIFICATE_REQUESTS,
        { namespace, name },
        [
          { op: 'test', path: '/metadata/resourceVersion', value: resourceVersion },
          { op: 'add', path: '/metadata/finalizers', value: [...finalizers, FINALIZER] },
        ],
        signal === undefined ? {} : { signal },
      );
      if (held !== undefined) return held;
    } catch (error) {
      if (!(error instanceof CertmanError) || error.code !== 'kubernetes/conflict' || attempt >= MAX_ATTEMPTS)
        throw error;
    }
  }
}

/**
 * Of several CertificateRequests that name one Secret, the oldest has it. Asked while there is no Secret yet that would say
 * whose it is: two that were made together must not both order a certificate for it.
 * @throws CertmanError `kubernetes/ownedByOther` when another one has it.
 */
export async function requireExclusiveSecret(
  kubernetes: KubernetesApi,
  request: KubernetesObject,
  secretName: string,
  signal?: AbortSignal,
): Promise<void> {
  const { namespace, name } = request.metadata;
  const options = {
    ...(namespace === undefined ? {} : { namespace }),
    ...(signal === undefined ? {} : { signal }),
  };
  for await (const other of kubernetes.list(CERTIFICATE_REQUESTS, options)) {
    if (observeRequest(other).secretName !== secretName || !isOlder(other, request)) continue;
    throw new CertmanError({
      code: 'kubernetes/ownedByOther',
      message: `Secret ${namespace}/${secretName}, which CertificateRequest ${name} names, is also named by the older CertificateRequest ${other.metadata.name}, whose certificate goes into it.`,
      remedy: 'Name another Secret in spec.certificateSecret of one of the two; it goes on by itself then.',
    });
  }
}

/** By the second in which they were made, and within it by name. */
function isOlder({ metadata: left }: KubernetesObject, { metadata: right }: KubernetesObject): boolean {
  const [made, madeThen] = [left.creationTimestamp ?? '', right.creationTimestamp ?? ''];
  return made === madeThen ? left.name < right.name : made < madeThen;
}
