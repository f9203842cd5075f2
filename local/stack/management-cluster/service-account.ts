/** certman's ServiceAccount, with the rights of deploy/base. */
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node';

/** Name of a ServiceAccount. */
export interface ServiceAccountRef {
  readonly namespace: string;
  readonly name: string;
}

/** The ServiceAccount of deploy/base. */
export const CERTMAN_SERVICE_ACCOUNT: ServiceAccountRef = { namespace: 'certman-operator', name: 'certman' };

/**
 * Creates a token by the TokenRequest API.
 * @param admin may create tokens.
 */
export async function serviceAccountToken(
  admin: KubeConfig,
  account: ServiceAccountRef = CERTMAN_SERVICE_ACCOUNT,
  expirationSeconds = 3_600,
): Promise<string> {
  const { status } = await admin.makeApiClient(CoreV1Api).createNamespacedServiceAccountToken({
    namespace: account.namespace,
    name: account.name,
    body: { spec: { audiences: [], expirationSeconds } },
  });
  if (status?.token === undefined) throw new Error(`no token for ServiceAccount ${account.namespace}/${account.name}`);
  return status.token;
}

/**
 * A KubeConfig with a token of the ServiceAccount.
 * @param admin may create tokens; its cluster (address and CA) is used.
 */
export async function serviceAccountKubeConfig(
  admin: KubeConfig,
  account: ServiceAccountRef = CERTMAN_SERVICE_ACCOUNT,
  expirationSeconds = 3_600,
): Promise<KubeConfig> {
  const cluster = admin.getCurrentCluster();
  if (cluster === null) throw new Error('the admin kubeconfig names no cluster');
  const token = await serviceAccountToken(admin, account, expirationSeconds);
  const config = new KubeConfig();
  config.loadFromClusterAndUser(cluster, { name: account.name, token });
  return config;
}
