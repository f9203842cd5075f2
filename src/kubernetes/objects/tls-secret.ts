import type { ObjectRef } from '../../clusters/cluster-identity.ts';
import type { KubernetesApi, ObjectMeta } from '../api/kubernetes-api.ts';
import { SECRETS } from './resources.ts';
import { encodeSecretText } from './secret-data.ts';
import { controllerReferenceTo, requestLabel } from './secret-ownership.ts';
import { parseTlsData, type TlsData } from './tls-secret-data.ts';

const TLS_TYPE = 'kubernetes.io/tls';

/** What a certificate's Secret (`kubernetes.io/tls`, read by Hive) holds. */
export type TlsSecret =
  | { readonly kind: 'missing' }
  | (TlsData & {
      readonly metadata: ObjectMeta;
      /** Of type `kubernetes.io/tls`, so a certificate can be written to it; the type is immutable. */
      readonly replaceable: boolean;
    });

/** Reads and checks a Secret: both entries present, small enough and parsable, key and certificate a pair. */
export async function readTlsSecret(
  kubernetes: KubernetesApi,
  secret: { readonly namespace: string; readonly name: string },
): Promise<TlsSecret> {
  const found = await kubernetes.get(SECRETS, secret);
  if (found === undefined) return { kind: 'missing' };
  const { metadata, type, data } = found;
  if (type === TLS_TYPE) return { metadata, replaceable: true, ...parseTlsData(data) };
  const message = `Secret ${secret.namespace}/${secret.name} is of type ${String(type)}, not ${TLS_TYPE}.`;
  return { kind: 'broken', replaceable: false, metadata, message };
}

/** A certificate to install. */
export interface ApplyTlsSecretInput {
  readonly request: ObjectRef;
  readonly secretName: string;
  /** The whole chain as the CA sent it. */
  readonly chainPem: string;
  readonly keyPem: string;
}

/** Applies these two entries only, at once: Hive hashes all of `data` and redeploys the API server on a change. */
export async function applyTlsSecret(
  kubernetes: KubernetesApi,
  { request, secretName, chainPem, keyPem }: ApplyTlsSecretInput,
): Promise<void> {
  const secret = {
    metadata: {
      namespace: request.namespace,
      name: secretName,
      labels: requestLabel(request.name),
      ownerReferences: [controllerReferenceTo(request)],
    },
    type: TLS_TYPE,
    data: { 'tls.crt': encodeSecretText(chainPem), 'tls.key': encodeSecretText(keyPem) },
  };
  await kubernetes.apply(SECRETS, secret);
}
