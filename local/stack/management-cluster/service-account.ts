/** The identity that certman has in a cluster: its ServiceAccount, with a real token and the rights of deploy/base. */
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node';

export interface ServiceAccountRef {
  readonly namespace: string;
  readonly name: string;
}

export const CERTMAN_SERVICE_ACCOUNT: ServiceAccountRef = { namespace: 'certman-operator', name: 'certman' };

/**
 * A token of the ServiceAccount, by the TokenRequest API.
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
 * A KubeConfig that is the ServiceAccount, by a token of the TokenRequest API.
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
