/** `status.certificateBundles` of a ClusterDeployment: which bundles have a certificate. Hive waits for it. */
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import type { ClusterIdentity } from '../../clusters/cluster-view.ts';
import { CertmanError } from '../../failures/failure.ts';
import { type KubernetesApi, type KubernetesObject } from '../api/kubernetes-api.ts';
import { CLUSTER_DEPLOYMENTS } from './resources.ts';

const MAX_ATTEMPTS = 5;
const MAX_CACHED = 5_000;

interface BundleStatus {
  readonly name: string;
  readonly generated: boolean;
}

interface CachedStatus {
  readonly resourceVersion: string | undefined;
  readonly bundles: readonly BundleStatus[];
}

const statusSchema = z.looseObject({
  certificateBundles: z.array(z.looseObject({ name: z.string(), generated: z.boolean().catch(false) })).nullish(),
});

export class ClusterDeploymentStatusWriter {
  readonly #kubernetes: KubernetesApi;
  /** What was last seen. A write carries its resourceVersion, so that one based on an old state is refused (409). */
  readonly #cache = new LRUCache<string, CachedStatus>({ max: MAX_CACHED });

  constructor(kubernetes: KubernetesApi) {
    this.#kubernetes = kubernetes;
  }

  /** A ClusterDeployment as the API server just answered it. */
  cache(clusterDeployment: KubernetesObject): void {
    const { uid, resourceVersion } = clusterDeployment.metadata;
    if (uid === undefined) return;
    const status = statusSchema.safeParse(clusterDeployment['status'] ?? {});
    const bundles = status.success ? (status.data.certificateBundles ?? []) : [];
    this.#cache.set(uid, { resourceVersion, bundles: bundles.map(({ name, generated }) => ({ name, generated })) });
  }

  /**
   * Says whether a bundle has its certificate; no request when it says so already (a bundle that is not listed has none).
   * The list is written whole, guarded by the resourceVersion: bundles of others stay. A cluster that is gone needs nothing.
   */
  async write(cluster: ClusterIdentity, bundle: BundleStatus, signal?: AbortSignal): Promise<void> {
    const { namespace, name, uid } = cluster;
    for (let attempt = 1; ; attempt += 1) {
      if (this.#cache.get(uid) === undefined) {
        const found = await this.#kubernetes.get(CLUSTER_DEPLOYMENTS, { namespace, name }, signal);
        if (found?.metadata.uid !== uid) return;
        this.cache(found);
      }
      const seen = this.#cache.get(uid);
      if (seen === undefined) return;
      const bundles = withBundle(seen.bundles, bundle);
      if (bundles === undefined) return;
      try {
        const applied = await this.#kubernetes.apply(
          CLUSTER_DEPLOYMENTS,
          {
            metadata: {
              namespace,
              name,
              ...(seen.resourceVersion === undefined ? {} : { resourceVersion: seen.resourceVersion }),
            },
            status: { certificateBundles: bundles },
          },
          { subresource: 'status', ...(signal === undefined ? {} : { signal }) },
        );
        this.cache(applied);
        return;
      } catch (error) {
        this.#cache.delete(uid);
        if (!(error instanceof CertmanError)) throw error;
        if (error.code === 'kubernetes/notFound') return;
        if (error.code !== 'kubernetes/conflict' || attempt >= MAX_ATTEMPTS) throw error;
      }
    }
  }
}

/** @returns the list with the bundle in it, or undefined when it says so already. */
export function withBundle(
  bundles: readonly BundleStatus[],
  wanted: BundleStatus,
): readonly BundleStatus[] | undefined {
  const known = bundles.find((bundle) => bundle.name === wanted.name);
  if ((known?.generated ?? false) === wanted.generated) return undefined;
  return known === undefined
    ? [...bundles, wanted]
    : bundles.map((bundle) => (bundle.name === wanted.name ? wanted : bundle));
}
