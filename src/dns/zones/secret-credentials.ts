import { LoadingCache } from '../../cache/loading-cache.ts';
import type { PlatformView } from '../../clusters/cluster-view.ts';
import { CertmanError } from '../../failures/failure.ts';
import type { KubernetesApi, ObjectKey } from '../../kubernetes/api/kubernetes-api.ts';
import { type DnsTarget, platformUnsupported } from '../provider.ts';
import type { CredentialResolver } from './zone-access.ts';

/** How long a Secret is not read again. Credentials that the service refuses are dropped at once. */
const CACHE_OPTIONS = { max: 5_000, ttlMs: 60_000 };

/** Credentials of the Secret that a ClusterDeployment or a standalone request names, in its namespace; there are no others. */
export class SecretCredentials<Credentials extends object> implements CredentialResolver<Credentials> {
  readonly #kubernetes: KubernetesApi;
  readonly #kind: PlatformView['kind'];
  readonly #read: (kubernetes: KubernetesApi, secret: ObjectKey) => Promise<Credentials>;
  readonly #resolved = new LoadingCache<Credentials>(CACHE_OPTIONS);

  constructor(
    kubernetes: KubernetesApi,
    kind: PlatformView['kind'],
    read: (kubernetes: KubernetesApi, secret: ObjectKey) => Promise<Credentials>,
  ) {
    this.#kubernetes = kubernetes;
    this.#kind = kind;
    this.#read = read;
  }

  /** @throws CertmanError `dns/credentialsMissing`, `dns/platformUnsupported`, and what `read` throws. */
  async resolve(target: DnsTarget): Promise<Credentials> {
    const secret = this.#secretOf(target);
    return await this.#resolved.get(keyOf(secret), () => this.#read(this.#kubernetes, secret));
  }

  invalidate(target: DnsTarget): void {
    this.#resolved.delete(keyOf(this.#secretOf(target)));
  }

  #secretOf(target: DnsTarget): ObjectKey & { readonly namespace: string } {
    const { namespace, clusterName, platform, kind } = target;
    if (platform.kind !== this.#kind || !('credentialsSecret' in platform)) {
      throw platformUnsupported(target, [this.#kind]);
    }
    if (platform.credentialsSecret) return { namespace, name: platform.credentialsSecret };
    const field =
      kind === undefined
        ? `spec.platform.${this.#kind}.credentialsSecretRef`
        : `spec.platform.${this.#kind}.credentials`;
    throw new CertmanError({
      code: 'dns/credentialsMissing',
      message: `${kind ?? 'ClusterDeployment'} ${namespace}/${clusterName} names no Secret with credentials for its DNS.`,
      remedy: `Name one of namespace ${namespace} in ${field}; issuance then continues.`,
      neverSent: true,
    });
  }
}

function keyOf({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `${namespace}/${name}`;
}
