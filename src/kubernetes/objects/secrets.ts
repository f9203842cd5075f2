/**
 * The Secrets that certman writes: the certificate's (`kubernetes.io/tls`, read by Hive) and the staging one, which holds a
 * new key from before the order is finalized until the certificate is installed. Keys leave this file only as return values
 * to code that runs in the same process.
 */
import { createHash } from 'node:crypto';
import type { CertificateFacts } from '../../certificates/certificate-facts.ts';
import { CertmanError } from '../../failures/failure.ts';
import { type KubernetesApi, type KubernetesObject, type ObjectMeta } from '../api/kubernetes-api.ts';
import { MAX_OBJECT_NAME_LENGTH, truncateName } from '../api/object-name.ts';
import { SECRETS } from './resources.ts';
import { readSecretText } from './secret-data.ts';
import { controllerReferenceTo, requestLabel, type SecretOwner } from './secret-ownership.ts';
import { parseTlsData } from './tls-secret-data.ts';

/** Label on the Secret that holds a key whose certificate is not installed yet. */
export const STAGING_LABEL = 'certman.managed.openshift.io/staging';
/** Annotation on the staging Secret: the order its key belongs to. */
export const STAGING_ORDER_ANNOTATION = 'certman.managed.openshift.io/order-url';

const STAGING_KEY = 'tls.key';
const MAX_REPLACE_ATTEMPTS = 3;

/** What a certificate's Secret holds. `chainPem` and `certificate` are there whenever the certificate itself could be read. */
export type TlsSecret =
  | { readonly kind: 'missing' }
  | {
      readonly kind: 'broken';
      readonly message: string;
      readonly keyMismatch?: true;
      /** Of type `kubernetes.io/tls`, so a certificate can be put into it; the type of a Secret cannot be changed. */
      readonly replaceable: boolean;
      readonly metadata: ObjectMeta;
      readonly chainPem?: string;
      readonly certificate?: CertificateFacts;
    }
  | {
      readonly kind: 'valid';
      readonly metadata: ObjectMeta;
      readonly chainPem: string;
      readonly keyPem: string;
      readonly certificate: CertificateFacts;
    };

/** Reads and judges a certificate's Secret: both entries there and small enough, parsable, key and certificate a pair. */
export async function readTlsSecret(
  kubernetes: KubernetesApi,
  secret: { readonly namespace: string; readonly name: string },
  signal?: AbortSignal,
): Promise<TlsSecret> {
  const found = await kubernetes.get(SECRETS, secret, signal);
  if (found === undefined) return { kind: 'missing' };
  const { metadata } = found;
  if (found['type'] !== 'kubernetes.io/tls') {
    return {
      kind: 'broken',
      replaceable: false,
      metadata,
      message: `Secret ${secret.namespace}/${secret.name} is of type ${String(found['type'])}, not kubernetes.io/tls.`,
    };
  }
  const judged = parseTlsData(found['data']);
  return judged.kind === 'valid' ? { metadata, ...judged } : { metadata, replaceable: true, ...judged };
}

export interface ApplyTlsSecretInput {
  readonly namespace: string;
  readonly name: string;
  readonly requestName: string;
  readonly requestUid: string;
  /** The whole chain as the CA sent it. */
  readonly chainPem: string;
  readonly keyPem: string;
}

/**
 * Writes certificate and key in one request, beside foreign labels and annotations.
 * Nothing but `tls.crt` and `tls.key` goes into `data`: Hive hashes all of it and redeploys the cluster's API server on change.
 */
export async function applyTlsSecret(
  kubernetes: KubernetesApi,
  input: ApplyTlsSecretInput,
  signal?: AbortSignal,
): Promise<void> {
  await kubernetes.apply(
    SECRETS,
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        namespace: input.namespace,
        name: input.name,
        labels: requestLabel(input.requestName),
        ownerReferences: [controllerReferenceTo({ name: input.requestName, uid: input.requestUid })],
      },
      type: 'kubernetes.io/tls',
      data: { 'tls.crt': base64(input.chainPem), 'tls.key': base64(input.keyPem) },
    },
    signal === undefined ? {} : { signal },
  );
}

/** Name of the staging Secret of a CertificateRequest; where its name leaves no room for more, of the beginning and a digest of it. */
export function stagingSecretName(requestName: string): string {
  const ending = '-staging';
  const name = `${requestName}${ending}`;
  if (name.length <= MAX_OBJECT_NAME_LENGTH) return name;
  const tail = `-${createHash('sha256').update(requestName).digest('hex').slice(0, 16)}${ending}`;
  return `${truncateName(requestName, MAX_OBJECT_NAME_LENGTH - tail.length)}${tail}`;
}

export interface EnsureStagingKeyInput {
  readonly request: SecretOwner;
  readonly orderUrl: string;
  /** Makes a new private key, PEM. */
  readonly makeKey: () => Promise<string>;
}

/**
 * The key of an order: the one that an earlier attempt staged for the same order, else a new one, staged before it is returned.
 * One request when there is none yet. A key staged for another order is replaced. Two callers at once get the same key.
 */
export async function ensureStagingKey(
  kubernetes: KubernetesApi,
  input: EnsureStagingKeyInput,
  signal?: AbortSignal,
): Promise<string> {
  const { request, orderUrl } = input;
  const keyPem = await input.makeKey();
  for (let attempt = 0; attempt < MAX_REPLACE_ATTEMPTS; attempt += 1) {
    const created = await kubernetes.create(SECRETS, buildStagingSecret(request, orderUrl, keyPem), signal);
    if (created !== undefined) return keyPem;
    const found = await getStagingSecret(kubernetes, request, signal);
    if (found === undefined) continue;
    const staged = stagedKey(found, orderUrl);
    if (staged !== undefined) return staged;
    await deleteByUid(kubernetes, found, signal);
  }
  throw new CertmanError({
    code: 'kubernetes/conflict',
    message: `Secret ${request.namespace}/${stagingSecretName(request.name)} was written by somebody else ${MAX_REPLACE_ATTEMPTS} times while a new key was to be staged in it.`,
    remedy: 'It is tried again shortly.',
  });
}

/** @returns the key staged for this order, or undefined when there is none. */
export async function readStagingKey(
  kubernetes: KubernetesApi,
  input: { readonly request: Pick<SecretOwner, 'namespace' | 'name'>; readonly orderUrl: string },
  signal?: AbortSignal,
): Promise<string | undefined> {
  const found = await getStagingSecret(kubernetes, input.request, signal);
  return found === undefined ? undefined : stagedKey(found, input.orderUrl);
}

/** Deletes the staging Secret; one that is not there counts as deleted. @returns whether there was one. */
export async function deleteStagingKey(
  kubernetes: KubernetesApi,
  request: Pick<SecretOwner, 'namespace' | 'name'>,
  signal?: AbortSignal,
): Promise<boolean> {
  const key = { namespace: request.namespace, name: stagingSecretName(request.name) };
  return kubernetes.delete(SECRETS, key, signal === undefined ? {} : { signal });
}

async function getStagingSecret(
  kubernetes: KubernetesApi,
  request: Pick<SecretOwner, 'namespace' | 'name'>,
  signal?: AbortSignal,
): Promise<KubernetesObject | undefined> {
  const key = { namespace: request.namespace, name: stagingSecretName(request.name) };
  const found = await kubernetes.get(SECRETS, key, signal);
  if (found !== undefined && found.metadata.labels?.[STAGING_LABEL] !== 'true') {
    throw new CertmanError({
      code: 'kubernetes/secretBroken',
      message: `Secret ${key.namespace}/${key.name} exists and is not certman's (no label ${STAGING_LABEL}), but its name is needed to keep a new key safe.`,
      remedy: 'Delete or rename that Secret; issuance then goes on by itself.',
    });
  }
  return found;
}

function stagedKey(secret: KubernetesObject, orderUrl: string): string | undefined {
  if (secret.metadata.annotations?.[STAGING_ORDER_ANNOTATION] !== orderUrl) return undefined;
  const key = readSecretText(secret['data'], STAGING_KEY);
  return key.kind === 'text' && key.text.includes('PRIVATE KEY') ? key.text : undefined;
}

async function deleteByUid(kubernetes: KubernetesApi, found: KubernetesObject, signal?: AbortSignal): Promise<void> {
  const { namespace, name, uid } = found.metadata;
  await kubernetes.delete(
    SECRETS,
    { name, ...(namespace === undefined ? {} : { namespace }) },
    { ...(uid === undefined ? {} : { uid }), ...(signal === undefined ? {} : { signal }) },
  );
}

function buildStagingSecret(request: SecretOwner, orderUrl: string, keyPem: string): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      namespace: request.namespace,
      name: stagingSecretName(request.name),
      labels: { [STAGING_LABEL]: 'true' },
      annotations: { [STAGING_ORDER_ANNOTATION]: orderUrl },
      ownerReferences: [controllerReferenceTo(request)],
    },
    type: 'Opaque',
    data: { [STAGING_KEY]: base64(keyPem) },
  };
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}
