import type { CertificateFacts, SecretObservation } from '../../certificates/certificate-facts.ts';
import type { ObjectRef } from '../../clusters/cluster-identity.ts';
import { CertmanError } from '../../failures/failure.ts';
import { oneLine } from '../../failures/printable.ts';
import { decodeCertificate } from '../../x509/certificate.ts';
import { decodePrivateKey } from '../../x509/private-key.ts';
import type { KubernetesApi, ObjectKey, ObjectMeta } from '../api/kubernetes-api.ts';
import { describeObject } from '../api/resource-path.ts';
import { certificateFacts } from './certificate-facts.ts';
import { SECRETS } from './resources.ts';
import { encodeSecretText, readSecretText } from './secret-data.ts';
import { controllerReferenceTo, requestLabel } from './secret-ownership.ts';

const TLS_TYPE = 'kubernetes.io/tls';
const MAX_TYPE_LENGTH = 100;

interface ParsedChain {
  readonly chainPem: string;
  readonly certificate: CertificateFacts;
}

/** Not a certificate with its key. The chain is there whenever the certificate itself can be parsed. */
interface BrokenTlsData extends Partial<ParsedChain> {
  readonly kind: 'broken';
  readonly message: string;
  /** Certificate and key are each valid, but not a pair. */
  readonly keyMismatch?: true;
}

/** The data of a `kubernetes.io/tls` Secret. */
export type TlsData = BrokenTlsData | (ParsedChain & { readonly kind: 'valid'; readonly keyPem: string });

/** Checks a `kubernetes.io/tls` Secret. @param data as the API sent it (base64 by entry). */
export function parseTlsData(data: unknown): TlsData {
  const chain = readSecretText(data, 'tls.crt');
  if (chain.kind !== 'text') return broken(chain.why);
  const { certificate: leaf, why } = decodeCertificate(chain.text);
  if (leaf === undefined) return broken(`tls.crt ${why}`);
  const found = { chainPem: chain.text, certificate: certificateFacts(leaf) };
  const key = readSecretText(data, 'tls.key');
  if (key.kind !== 'text') return broken(key.why, found);
  const decoded = decodePrivateKey(key.text);
  if (decoded.key === undefined) return broken(`tls.key ${decoded.why}`, found);
  if (!leaf.checkPrivateKey(decoded.key)) {
    return broken('tls.key is not the key of the certificate in tls.crt', { ...found, keyMismatch: true });
  }
  return { kind: 'valid', keyPem: key.text, ...found };
}

function broken(message: string, found: Omit<BrokenTlsData, 'kind' | 'message'> = {}): TlsData {
  return { kind: 'broken', message: `${message}.`, ...found };
}

/** What a workflow may know of a Secret: no key, no PEM. */
export function observationOf(secret: TlsData | { readonly kind: 'missing' }): SecretObservation {
  if (secret.kind === 'missing') return { kind: 'missing' };
  if (secret.kind === 'valid') return { kind: 'valid', certificate: secret.certificate };
  return { kind: 'broken', message: secret.message, keyMismatch: secret.keyMismatch };
}

/** What a certificate's Secret (`kubernetes.io/tls`, read by Hive) holds. */
export type TlsSecret =
  | { readonly kind: 'missing' }
  | (TlsData & {
      readonly metadata: ObjectMeta;
      /** Of type `kubernetes.io/tls`, so a certificate can be written to it; the type is immutable. */
      readonly replaceable: boolean;
    });

/** Reads and checks a Secret: both entries present, small enough and parsable, key and certificate a pair. */
export async function readTlsSecret(kubernetes: KubernetesApi, secret: ObjectKey): Promise<TlsSecret> {
  const found = await kubernetes.get(SECRETS, secret);
  if (found === undefined) return { kind: 'missing' };
  const { metadata, type, data } = found;
  if (type === TLS_TYPE) return { metadata, replaceable: true, ...parseTlsData(data) };
  const message = `${describeObject(SECRETS, secret)} is of type ${oneLine(String(type), MAX_TYPE_LENGTH)}, not ${TLS_TYPE}.`;
  return { kind: 'broken', replaceable: false, metadata, message };
}

/** A certificate to install. */
export interface WriteTlsSecretInput {
  readonly request: ObjectRef;
  readonly secretName: string;
  /** The whole chain as the CA sent it. */
  readonly chainPem: string;
  readonly keyPem: string;
}

/**
 * Writes these two entries only, at once: Hive hashes all of `data` and redeploys the API server on a change.
 * Writes nothing when they are there, as after an attempt that was killed.
 * @param found the Secret as it was read: the request's own, or missing.
 * @throws CertmanError `kubernetes/conflict` when it has changed, is another one, or exists by now.
 */
export async function writeTlsSecret(
  kubernetes: KubernetesApi,
  { request, secretName, chainPem, keyPem }: WriteTlsSecretInput,
  found: TlsSecret,
): Promise<void> {
  if (found.kind === 'valid' && found.chainPem === chainPem && found.keyPem === keyPem) return;
  const metadata = {
    namespace: request.namespace,
    name: secretName,
    labels: requestLabel(request.name),
    ownerReferences: [controllerReferenceTo(request)],
  };
  const content = {
    type: TLS_TYPE,
    data: { 'tls.crt': encodeSecretText(chainPem), 'tls.key': encodeSecretText(keyPem) },
  };
  if (found.kind !== 'missing') {
    const { uid, resourceVersion } = found.metadata;
    await kubernetes.apply(SECRETS, { metadata: { ...metadata, uid, resourceVersion }, ...content });
    return;
  }
  // An apply would write to a Secret that someone else has created since it was looked for.
  if ((await kubernetes.create(SECRETS, { metadata, ...content })) !== undefined) return;
  throw new CertmanError({
    code: 'kubernetes/conflict',
    message: `Secret ${request.namespace}/${secretName} was created by another while a certificate was to be written to it.`,
    remedy: 'certman retries shortly.',
  });
}
