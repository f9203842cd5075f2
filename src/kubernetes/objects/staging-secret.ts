/** A staging Secret holds a key from before finalization until the certificate is installed: a crash loses nothing. */
import { createHash } from 'node:crypto';
import type { ObjectRef } from '../../clusters/cluster-identity.ts';
import { CertmanError, isFailure } from '../../failures/failure.ts';
import type { KubernetesApi, KubernetesObject, ObjectKey } from '../api/kubernetes-api.ts';
import { MAX_OBJECT_NAME_LENGTH, truncateName } from '../api/resource-path.ts';
import { SECRETS } from './resources.ts';
import { encodeSecretText, readSecretText } from './secret-data.ts';
import { controllerReferenceTo, STAGING_LABEL } from './secret-ownership.ts';

/** Annotation on the staging Secret: URL of the order that its key belongs to. */
export const STAGING_ORDER_ANNOTATION = 'certman.managed.openshift.io/order-url';

const STAGING_KEY = 'tls.key';
const NAME_SUFFIX = '-staging';
const MAX_ATTEMPTS = 3;

type RequestKey = Pick<ObjectRef, 'namespace' | 'name'>;

/** Name of a staging Secret; of a long name, its beginning and a digest. */
export function stagingSecretName(requestName: string): string {
  const name = `${requestName}${NAME_SUFFIX}`;
  if (name.length <= MAX_OBJECT_NAME_LENGTH) return name;
  const tail = `-${createHash('sha256').update(requestName).digest('hex').slice(0, 16)}${NAME_SUFFIX}`;
  return `${truncateName(requestName, MAX_OBJECT_NAME_LENGTH - tail.length)}${tail}`;
}

/** The order that a key is for. */
export interface EnsureStagingKeyInput {
  readonly request: ObjectRef;
  readonly orderUrl: string;
  /** Generates a private key, PEM. */
  readonly makeKey: () => Promise<string>;
  /** Called where this call has staged the key itself. */
  readonly onStaged?: (staged: StagedKey) => void;
}

/** A key in a staging Secret. */
export interface StagedKey {
  readonly keyPem: string;
  /** Of the Secret. */
  readonly uid: string | undefined;
}

/** The order's staged key, else a new one, staged first (replaces another order's). Concurrent callers get the same. */
export async function ensureStagingKey(
  kubernetes: KubernetesApi,
  { request, orderUrl, makeKey, onStaged }: EnsureStagingKeyInput,
): Promise<string> {
  const keyPem = await makeKey();
  const secret = {
    metadata: {
      ...stagingKeyOf(request),
      labels: { [STAGING_LABEL]: 'true' },
      annotations: { [STAGING_ORDER_ANNOTATION]: orderUrl },
      ownerReferences: [controllerReferenceTo(request)],
    },
    type: 'Opaque',
    data: { [STAGING_KEY]: encodeSecretText(keyPem) },
  };
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
    const created = await kubernetes.create(SECRETS, secret);
    if (created !== undefined) {
      onStaged?.({ keyPem, uid: created.metadata.uid });
      return keyPem;
    }
    const found = await getStagingSecret(kubernetes, request);
    if (found === undefined) continue;
    const staged = stagedKey(found, orderUrl);
    if (staged !== undefined) return staged;
    const { uid, resourceVersion } = found.metadata;
    await kubernetes.delete(SECRETS, found.metadata, { uid, resourceVersion });
  }
  throw new CertmanError({
    code: 'kubernetes/conflict',
    message: `Secret ${request.namespace}/${secret.metadata.name} was written by another ${MAX_ATTEMPTS} times while a new key was to be staged in it.`,
    remedy: 'certman retries shortly.',
  });
}

/** @returns the key staged for this order, PEM; undefined when there is none. */
export async function readStagingKey(
  kubernetes: KubernetesApi,
  { request, orderUrl }: { readonly request: RequestKey; readonly orderUrl: string },
): Promise<string | undefined> {
  const found = await getStagingSecret(kubernetes, request);
  return found && stagedKey(found, orderUrl);
}

/** Deletes the staging Secret. @param uid of the only one to delete, where it is known. @returns whether there was one. */
export async function deleteStagingKey(kubernetes: KubernetesApi, request: RequestKey, uid?: string): Promise<boolean> {
  if (uid !== undefined) return await deleteUnlessReplaced(kubernetes, stagingKeyOf(request), uid);
  const { metadata } = (await kubernetes.get(SECRETS, stagingKeyOf(request))) ?? {};
  if (metadata?.labels?.[STAGING_LABEL] !== 'true') return false;
  return kubernetes.delete(SECRETS, metadata, { uid: metadata.uid });
}

/** What has taken its place is staged for another order. */
async function deleteUnlessReplaced(kubernetes: KubernetesApi, key: ObjectKey, uid: string): Promise<boolean> {
  try {
    return await kubernetes.delete(SECRETS, key, { uid });
  } catch (error) {
    if (isFailure(error, 'kubernetes/conflict')) return false;
    throw error;
  }
}

async function getStagingSecret(kubernetes: KubernetesApi, request: RequestKey): Promise<KubernetesObject | undefined> {
  const key = stagingKeyOf(request);
  const found = await kubernetes.get(SECRETS, key);
  if (found === undefined || found.metadata.labels?.[STAGING_LABEL] === 'true') return found;
  throw new CertmanError({
    code: 'kubernetes/secretBroken',
    message: `Secret ${key.namespace}/${key.name} exists and is not certman's (no label ${STAGING_LABEL}), but certman needs that name to keep a new key safe.`,
    remedy: 'Delete or rename that Secret; issuance then continues by itself.',
  });
}

function stagingKeyOf({ namespace, name }: RequestKey): ObjectKey {
  return { namespace, name: stagingSecretName(name) };
}

function stagedKey({ metadata, data }: KubernetesObject, orderUrl: string): string | undefined {
  if (metadata.annotations?.[STAGING_ORDER_ANNOTATION] !== orderUrl) return undefined;
  const { text } = readSecretText(data, STAGING_KEY);
  return text?.includes('PRIVATE KEY') ? text : undefined;
}
