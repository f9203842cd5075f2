import type { CachedCluster } from './cached-cluster.ts';
import { requestName } from './request-name.ts';

/** The ClusterDeployments of a namespace, as far as they are known. */
export interface CachedOwners {
  readonly clusters: readonly Pick<CachedCluster, 'name' | 'gate' | 'reason' | 'certificates'>[];
  /** Names of the malformed ones. */
  readonly unreadable: readonly string[];
}

/**
 * Name of the ClusterDeployment that a request belongs to; undefined when standalone. The owner reference decides.
 * Requests of certman-operator may lack one: then the name decides, as a bundle's, or by its prefix where the bundles
 * are unknown: a request that waits loses nothing, one that is served as standalone by mistake has two writers.
 */
export function owningCluster(
  request: { readonly name: string; readonly owner?: { readonly name: string } },
  { clusters, unreadable }: CachedOwners,
): string | undefined {
  if (request.owner !== undefined) return request.owner.name;
  const owner = clusters.find(({ certificates }) => certificates.some((one) => one.requestName === request.name));
  if (owner !== undefined) return owner.name;
  // The bundles of a deleting cluster may be unreadable.
  const withoutBundles = clusters.filter(({ gate, reason, certificates }) => {
    return (gate === 'decommission' || reason === 'RelocatingOut') && certificates.length === 0;
  });
  const candidates = [...withoutBundles.map(({ name }) => name), ...unreadable];
  return candidates.find((cluster) => request.name.startsWith(requestName(cluster, '')));
}
