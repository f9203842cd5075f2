/**
 * What ties a certificate's Secret to its CertificateRequest: a label and an owner reference, as certman-operator set them.
 * Both are only ever changed by JSON patch: Hive redeploys a cluster's API server when the data changes, and a server-side
 * apply without the data would take it away.
 */
import { CertmanError } from '../../failures/failure.ts';
import { type JsonPatchOperation, type KubernetesApi, type ObjectKey, type ObjectMeta } from '../api/kubernetes-api.ts';
import { CERTIFICATE_REQUESTS, SECRETS } from './resources.ts';

/** Label on a certificate's Secret; its value is the name of the CertificateRequest. Shared with certman-operator. */
export const REQUEST_LABEL = 'certificate_request';

/** Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set */
const MAX_LABEL_LENGTH = 63;

const MAX_ATTEMPTS = 3;

/** The label of a request's Secret. None when the request's name is longer than a label may be: its owner reference tells. */
export function requestLabel(requestName: string): Readonly<Record<string, string>> {
  return requestName.length <= MAX_LABEL_LENGTH ? { [REQUEST_LABEL]: requestName } : {};
}

/** The CertificateRequest that a Secret belongs to. */
export interface SecretOwner {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export type SecretOwnership =
  | { readonly kind: 'owned' }
  /** Ours to tie; `lacks` says in words what is missing. */
  | { readonly kind: 'orphaned'; readonly lacks: string }
  /** Somebody else's, by what it says itself. `request`: the CertificateRequest that it names, where it names one. */
  | { readonly kind: 'foreign'; readonly holder: string; readonly request?: string };

export function controllerReferenceTo(request: Pick<SecretOwner, 'name' | 'uid'>): Readonly<Record<string, unknown>> {
  return {
    apiVersion: `${CERTIFICATE_REQUESTS.group}/${CERTIFICATE_REQUESTS.version}`,
    kind: CERTIFICATE_REQUESTS.kind,
    name: request.name,
    uid: request.uid,
    controller: true,
  };
}

/**
 * How a Secret stands to the request whose certificate is to be in it. Metadata is enough: the watch asks as well.
 * @param request without a uid, only whether the Secret is another's is told apart.
 */
export function secretOwnershipOf(
  secret: ObjectMeta,
  request: { readonly name: string; readonly uid?: string },
): SecretOwnership {
  const owners = secret.ownerReferences ?? [];
  const label = secret.labels?.[REQUEST_LABEL];
  const owned = owners.some((owner) => owner['uid'] === request.uid);
  // To a request of this name that was made again since: that is ours too.
  const stale = owners.filter((owner) => owner['uid'] !== request.uid && isRequestReference(owner, request.name));
  if (!owned && stale.length === 0) {
    const controller = owners.find((owner) => owner['controller'] === true);
    if (controller !== undefined) return foreignOwnership(String(controller['kind']), String(controller['name']));
    if (label !== undefined && label !== request.name) return foreignOwnership(CERTIFICATE_REQUESTS.kind, label);
  }
  const lacks = [
    ...(label === requestLabel(request.name)[REQUEST_LABEL] ? [] : [`its label ${REQUEST_LABEL}`]),
    ...(owned && stale.length === 0 ? [] : ['its owner reference']),
  ];
  return lacks.length === 0 ? { kind: 'owned' } : { kind: 'orphaned', lacks: lacks.join(' and ') };
}

function foreignOwnership(kind: string, name: string): SecretOwnership {
  return {
    kind: 'foreign',
    holder: `${kind} ${name}`,
    ...(kind === CERTIFICATE_REQUESTS.kind ? { request: name } : {}),
  };
}

/**
 * Puts label and owner reference on a Secret that lacks them.
 * @param found as it was just read.
 * @throws CertmanError `kubernetes/ownedByOther` when it is somebody else's, `kubernetes/conflict` when it changed meanwhile.
 */
export async function adoptSecret(
  kubernetes: KubernetesApi,
  found: ObjectMeta,
  request: SecretOwner,
  signal?: AbortSignal,
): Promise<void> {
  const tie = secretOwnershipOf(found, request);
  if (tie.kind === 'owned') return;
  const key = { namespace: request.namespace, name: found.name };
  if (tie.kind === 'foreign') {
    const leftBehind =
      tie.request !== undefined &&
      (await kubernetes.get(CERTIFICATE_REQUESTS, { namespace: request.namespace, name: tie.request }, signal)) ===
        undefined;
    if (!leftBehind) throw foreignSecretError(key, request, tie.holder);
  }
  const owners = (found.ownerReferences ?? []).filter((owner) => !isRequestReference(owner));
  const { [REQUEST_LABEL]: _before, ...others } = found.labels ?? {};
  const labels = { ...others, ...requestLabel(request.name) };
  await kubernetes.patch(
    SECRETS,
    key,
    [
      testResourceVersion(found),
      { op: 'add', path: '/metadata/labels', value: labels },
      { op: 'add', path: '/metadata/ownerReferences', value: [...owners, controllerReferenceTo(request)] },
    ],
    signal === undefined ? {} : { signal },
  );
}

/**
 * Takes the reference to a CertificateRequest off a Secret, before that request is let go: what is owned by an object that is
 * gone is deleted by the garbage collector.
 */
export async function orphanSecret(
  kubernetes: KubernetesApi,
  key: ObjectKey,
  requestUid: string | undefined,
  signal?: AbortSignal,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const metadata = (await kubernetes.get(SECRETS, key, signal))?.metadata;
    const owners = metadata?.ownerReferences ?? [];
    const kept = owners.filter((owner) => owner['uid'] !== requestUid);
    if (metadata === undefined || kept.length === owners.length) return;
    try {
      await kubernetes.patch(
        SECRETS,
        key,
        [testResourceVersion(metadata), { op: 'add', path: '/metadata/ownerReferences', value: kept }],
        signal === undefined ? {} : { signal },
      );
      return;
    } catch (error) {
      if (!(error instanceof CertmanError) || error.code !== 'kubernetes/conflict' || attempt >= MAX_ATTEMPTS)
        throw error;
    }
  }
}

function testResourceVersion(metadata: ObjectMeta): JsonPatchOperation {
  return { op: 'test', path: '/metadata/resourceVersion', value: metadata.resourceVersion };
}

function isRequestReference(owner: Readonly<Record<string, unknown>>, name?: string): boolean {
  return owner['kind'] === CERTIFICATE_REQUESTS.kind && (name === undefined || owner['name'] === name);
}

function foreignSecretError(secret: ObjectKey, request: SecretOwner, holder: string): CertmanError {
  return new CertmanError({
    code: 'kubernetes/ownedByOther',
    message: `Secret ${secret.namespace}/${secret.name}, which CertificateRequest ${request.name} names, belongs to ${holder} and is left alone.`,
    remedy: 'Name another Secret in one of the two, or delete that Secret; it goes on by itself then.',
  });
}
