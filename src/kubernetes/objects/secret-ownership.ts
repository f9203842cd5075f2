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

/**
 * Annotation with which the user of an existing Secret gives it to a standalone request: the request's name. From then
 * on the Secret is the request's: its certificate is replaced, and revoked and deleted with the request.
 */
export const ADOPT_ANNOTATION = 'certman.managed.openshift.io/adopt-by';

/** Label on the Secret that holds a key whose certificate is not installed yet. */
export const STAGING_LABEL = 'certman.managed.openshift.io/staging';
/** Selects all Secrets but those: two of the three events of an issuance, which concern no cluster. */
export const NOT_STAGING_SELECTOR = `${STAGING_LABEL}!=true`;

/** Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set */
const MAX_LABEL_LENGTH = 63;
const MAX_ATTEMPTS = 3;

/** As in the metadata of an object. */
export type OwnerReference = Readonly<Record<string, unknown>>;

/** Ownership of a Secret, from a living request's point of view. */
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

/** Whose a Secret is, from its metadata alone. */
export function secretOwnershipOf(
  metadata: ObjectMeta,
  request: { readonly name: string; readonly uid: string },
): SecretOwnership {
  const { ownerReferences = [], labels } = metadata;
  const label = labels?.[REQUEST_LABEL];
  const owned = isOwnedBy(metadata, [request.uid]);
  // References to an earlier request of this name, which was re-created since.
  const stale = ownerReferences.some((owner) => owner['uid'] !== request.uid && isRequest(owner, request.name));
  if (!owned && !stale) {
    const controller = ownerReferences.find((owner) => owner['controller'] === true);
    if (controller !== undefined) {
      const [kind, name] = [String(controller['kind']), String(controller['name'])];
      return isRequest(controller) ? foreignRequest(name) : { kind: 'foreign', owner: `${kind} ${name}` };
    }
    if (label !== undefined && label !== request.name) return foreignRequest(label);
  }
  const missing = [
    ...(label === requestLabel(request.name)[REQUEST_LABEL] ? [] : [`its label ${REQUEST_LABEL}`]),
    ...(owned && !stale ? [] : ['its owner reference']),
  ];
  return missing.length === 0 ? { kind: 'owned' } : { kind: 'orphaned', missing: missing.join(' and ') };
}

function foreignRequest(name: string): SecretOwnership {
  return { kind: 'foreign', owner: `${CERTIFICATE_REQUESTS.kind} ${name}`, request: name };
}

/**
 * Whether an owner reference to a CertificateRequest has one of the uids: names prove nothing, since a successor has the
 * same. @param name with it, only where the reference also has this name.
 */
export function isOwnedBy({ ownerReferences = [] }: ObjectMeta, uids: readonly string[], name?: string): boolean {
  return ownerReferences.some((owner) => isRequest(owner, name) && uids.includes(String(owner['uid'])));
}

/** In words, whom an owner reference to a controller or to a CertificateRequest names; undefined when there is none. */
export function ownerOf({ ownerReferences = [] }: ObjectMeta): string | undefined {
  const owner = ownerReferences.find((one) => one['controller'] === true || isRequest(one));
  return owner === undefined ? undefined : `${String(owner['kind'])} ${String(owner['name'])}`;
}

/** Who wants a Secret. A standalone request gets what exists already only by {@link ADOPT_ANNOTATION}. */
export interface Adopter {
  readonly request: ObjectRef;
  readonly standalone: boolean;
}

/**
 * Adds label and owner reference to an orphaned Secret, or to that of a request that is gone. Removes {@link STAGING_LABEL},
 * with which no change of the Secret is seen.
 * @returns the Secret's metadata, now the request's.
 * @throws CertmanError `kubernetes/ownedByOther` when it is foreign, or orphaned and not given to the standalone request;
 * `kubernetes/conflict` when `found` is outdated, or the request is gone or was created anew.
 */
export async function adoptSecret(
  kubernetes: KubernetesApi,
  found: ObjectMeta,
  { request, standalone }: Adopter,
): Promise<ObjectMeta> {
  const { namespace } = request;
  const ownership = secretOwnershipOf(found, request);
  if (ownership.kind === 'owned' && found.labels?.[STAGING_LABEL] !== 'true') return found;
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
  if (standalone && !isOwnedBy(found, [request.uid]) && found.annotations?.[ADOPT_ANNOTATION] !== request.name) {
    throw notGivenError(found, request);
  }
  await requireExisting(kubernetes, request, found);
  const owners = (found.ownerReferences ?? []).filter((owner) => !isRequest(owner));
  const { [REQUEST_LABEL]: _replaced, [STAGING_LABEL]: _hides, ...labels } = found.labels ?? {};
  const adopted = await patchIfUnchanged(kubernetes, SECRETS, found, {
    '/metadata/labels': { ...labels, ...requestLabel(request.name) },
    '/metadata/ownerReferences': [...owners, controllerReferenceTo(request)],
  });
  if (adopted !== undefined) return adopted.metadata;
  throw new CertmanError({
    code: 'kubernetes/conflict',
    message: `Secret ${namespace}/${found.name} was deleted while it was adopted.`,
    remedy: 'certman retries shortly.',
  });
}

/** A late step of an earlier request must not take the Secret from its successor, whose name and label are the same. */
async function requireExisting(
  kubernetes: KubernetesApi,
  { namespace, name, uid }: ObjectRef,
  secret: ObjectMeta,
): Promise<void> {
  const found = await kubernetes.get(CERTIFICATE_REQUESTS, { namespace, name });
  if (found?.metadata.uid === uid) return;
  throw new CertmanError({
    code: 'kubernetes/conflict',
    message: `Secret ${namespace}/${secret.name} is left unchanged: CertificateRequest ${name} with uid ${uid}, for which it was to be adopted, does not exist any more.`,
    remedy: 'certman retries shortly.',
  });
}

function notGivenError({ name }: ObjectMeta, request: ObjectRef): CertmanError {
  const { namespace } = request;
  return new CertmanError({
    code: 'kubernetes/ownedByOther',
    message: `Secret ${namespace}/${name}, which CertificateRequest ${request.name} names, existed before and is not the request's: it is left unchanged.`,
    remedy: `Name another Secret or delete that one; or, if certman may replace, revoke and delete its certificate: kubectl annotate secret ${name} -n ${namespace} ${ADOPT_ANNOTATION}=${request.name}. certman then continues by itself.`,
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

/** cert-manager has a kind of the same name. */
function isRequest(owner: OwnerReference, name?: string): boolean {
  const isOfKind =
    owner['kind'] === CERTIFICATE_REQUESTS.kind &&
    String(owner['apiVersion']).startsWith(`${CERTIFICATE_REQUESTS.group}/`);
  return isOfKind && (name === undefined || owner['name'] === name);
}
