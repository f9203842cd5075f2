/** Ownership changes by JSON patch only: an apply without `data` removes it, and Hive redeploys when `data` changes. */
import type { ObjectRef } from '../../clusters/cluster-identity.ts';
import { CertmanError } from '../../failures/failure.ts';
import type { KubernetesApi, KubernetesObject, ObjectKey, ObjectMeta } from '../api/kubernetes-api.ts';
import { patchIfUnchanged } from '../api/patch-if-unchanged.ts';
import { apiVersionOf } from '../api/resource-path.ts';
import { retryOnConflict } from '../api/retry-on-conflict.ts';
import { parseRequestSpec } from './request-fields.ts';
import { CERTIFICATE_REQUESTS, SECRETS } from './resources.ts';

/** Label on a certificate's Secret: name of the CertificateRequest. Shared with certman-operator. */
export const REQUEST_LABEL = 'certificate_request';

/** Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set */
const MAX_LABEL_LENGTH = 63;
const MAX_ATTEMPTS = 3;

type OwnerReference = Readonly<Record<string, unknown>>;

/** Ownership of a Secret, from a request's point of view. */
export type SecretOwnership =
  | { readonly kind: 'owned' }
  /** To be adopted; `missing` says in words what it lacks. */
  | { readonly kind: 'orphaned'; readonly missing: string }
  /** `owner`: kind and name; `request`: name of the CertificateRequest, when it is one. */
  | { readonly kind: 'foreign'; readonly owner: string; readonly request?: string };

/** The label of a request's Secret; none for a name too long for a label: the owner reference decides. */
export function requestLabel(requestName: string): Readonly<Record<string, string>> {
  return requestName.length <= MAX_LABEL_LENGTH ? { [REQUEST_LABEL]: requestName } : {};
}

/** Owner reference to a CertificateRequest. */
export function controllerReferenceTo({ name, uid }: Pick<ObjectRef, 'name' | 'uid'>): OwnerReference {
  const { kind } = CERTIFICATE_REQUESTS;
  return { apiVersion: apiVersionOf(CERTIFICATE_REQUESTS), kind, name, uid, controller: true };
}

/** Whose a Secret is, from its metadata alone. Without the request's uid, exact for `foreign` only. */
export function secretOwnershipOf(
  { ownerReferences = [], labels }: ObjectMeta,
  request: { readonly name: string; readonly uid?: string },
): SecretOwnership {
  const label = labels?.[REQUEST_LABEL];
  const owned = ownerReferences.some((owner) => owner['uid'] === request.uid);
  // References to an earlier request of this name, which was re-created since.
  const stale = ownerReferences.some((owner) => owner['uid'] !== request.uid && isRequest(owner, request.name));
  if (!owned && !stale) {
    const controller = ownerReferences.find((owner) => owner['controller'] === true);
    if (controller !== undefined) return foreign(String(controller['kind']), String(controller['name']));
    if (label !== undefined && label !== request.name) return foreign(CERTIFICATE_REQUESTS.kind, label);
  }
  const missing = [
    ...(label === requestLabel(request.name)[REQUEST_LABEL] ? [] : [`its label ${REQUEST_LABEL}`]),
    ...(owned && !stale ? [] : ['its owner reference']),
  ];
  return missing.length === 0 ? { kind: 'owned' } : { kind: 'orphaned', missing: missing.join(' and ') };
}

function foreign(kind: string, name: string): SecretOwnership {
  return { kind: 'foreign', owner: `${kind} ${name}`, request: kind === CERTIFICATE_REQUESTS.kind ? name : undefined };
}

/**
 * Adds label and owner reference to an orphaned Secret, or to that of a request that is gone.
 * @throws CertmanError `kubernetes/ownedByOther` when it is foreign, `kubernetes/conflict` when `found` is outdated.
 */
export async function adoptSecret(kubernetes: KubernetesApi, found: ObjectMeta, request: ObjectRef): Promise<void> {
  const { namespace } = request;
  const ownership = secretOwnershipOf(found, request);
  if (ownership.kind === 'owned') return;
  if (ownership.kind === 'foreign') {
    const { owner, request: name } = ownership;
    const abandoned =
      name !== undefined && (await kubernetes.get(CERTIFICATE_REQUESTS, { namespace, name })) === undefined;
    if (!abandoned) {
      throw new CertmanError({
        code: 'kubernetes/ownedByOther',
        message: `Secret ${namespace}/${found.name}, which CertificateRequest ${request.name} names, belongs to ${owner} and is left unchanged.`,
        remedy: 'Name another Secret in one of the two, or delete that Secret; certman then continues by itself.',
      });
    }
  }
  const owners = (found.ownerReferences ?? []).filter((owner) => !isRequest(owner));
  const { [REQUEST_LABEL]: _replaced, ...labels } = found.labels ?? {};
  await patchIfUnchanged(kubernetes, SECRETS, found, {
    '/metadata/labels': { ...labels, ...requestLabel(request.name) },
    '/metadata/ownerReferences': [...owners, controllerReferenceTo(request)],
  });
}

/** Removes a request's owner reference, so that the garbage collector does not delete the Secret after the request. */
export async function orphanSecret(
  kubernetes: KubernetesApi,
  key: ObjectKey,
  requestUid: string | undefined,
): Promise<void> {
  await retryOnConflict(MAX_ATTEMPTS, async () => {
    const found = await kubernetes.get(SECRETS, key);
    const owners = found?.metadata.ownerReferences ?? [];
    const others = owners.filter((owner) => owner['uid'] !== requestUid);
    if (found === undefined || others.length === owners.length) return;
    await patchIfUnchanged(kubernetes, SECRETS, found.metadata, { '/metadata/ownerReferences': others });
  });
}

/**
 * The oldest request owns a Secret that does not exist yet: of two created together, only one may order a certificate.
 * @throws CertmanError `kubernetes/ownedByOther` when an older request names it.
 */
export async function requireExclusiveSecret(
  kubernetes: KubernetesApi,
  request: KubernetesObject,
  secretName: string,
): Promise<void> {
  const { namespace, name } = request.metadata;
  for await (const other of kubernetes.list(CERTIFICATE_REQUESTS, { namespace })) {
    if (parseRequestSpec(other['spec']).secretName !== secretName || !isOlder(other.metadata, request.metadata))
      continue;
    throw new CertmanError({
      code: 'kubernetes/ownedByOther',
      message: `Secret ${namespace}/${secretName}, which CertificateRequest ${name} names, is also named by the older CertificateRequest ${other.metadata.name}, whose certificate it holds.`,
      remedy: 'Name another Secret in spec.certificateSecret of one of the two; certman then continues by itself.',
    });
  }
}

/** By the second of their creation, and within it by name. */
function isOlder(left: ObjectMeta, right: ObjectMeta): boolean {
  const [leftTime, rightTime] = [left.creationTimestamp ?? '', right.creationTimestamp ?? ''];
  return leftTime === rightTime ? left.name < right.name : leftTime < rightTime;
}

function isRequest(owner: OwnerReference, name?: string): boolean {
  return owner['kind'] === CERTIFICATE_REQUESTS.kind && (name === undefined || owner['name'] === name);
}
