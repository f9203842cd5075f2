import type { KubernetesApi } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { readTlsSecret, type WriteTlsSecretInput, writeTlsSecret } from '../../../src/kubernetes/objects/tls-secret.ts';

/** Writes a certificate to a request's Secret, over what is there. */
export async function putTlsSecret(kubernetes: KubernetesApi, input: WriteTlsSecretInput): Promise<void> {
  const { request, secretName } = input;
  const found = await readTlsSecret(kubernetes, { namespace: request.namespace, name: secretName });
  await writeTlsSecret(kubernetes, input, found);
}
