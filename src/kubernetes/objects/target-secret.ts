import type { ClusterRef, ObjectRef } from '../../clusters/cluster-identity.ts';
import { CertmanError } from '../../failures/failure.ts';
import type { KubernetesApi } from '../api/kubernetes-api.ts';
import { isStandalone } from './primary-object.ts';
import { adoptSecret } from './secret-ownership.ts';
import { readTlsSecret, type TlsSecret } from './tls-secret.ts';

/** The Secret that a request's certificate is to be in. */
export interface TargetSecretInput {
  /** Whose workflow asks. */
  readonly cluster: Pick<ClusterRef, 'kind'>;
  readonly request: ObjectRef;
  readonly secretName: string;
}

/**
 * Reads the Secret that a request's certificate is to be in, and makes it the request's own, or finds that it is free.
 * @throws CertmanError `kubernetes/secretBroken` for a Secret of another type, as {@link adoptSecret} for one of others.
 */
export async function claimTargetSecret(
  kubernetes: KubernetesApi,
  { cluster, request, secretName }: TargetSecretInput,
): Promise<TlsSecret> {
  const secret = await readTlsSecret(kubernetes, { namespace: request.namespace, name: secretName });
  if (secret.kind === 'missing') return secret;
  if (secret.kind === 'broken' && !secret.replaceable) {
    throw new CertmanError({
      code: 'kubernetes/secretBroken',
      message: `The certificate cannot be installed: ${secret.message}`,
      remedy: 'Delete that Secret, or name another; nothing is ordered before that.',
    });
  }
  const metadata = await adoptSecret(kubernetes, secret.metadata, { request, standalone: isStandalone(cluster) });
  return { ...secret, metadata };
}
