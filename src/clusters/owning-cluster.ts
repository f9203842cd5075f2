/** Which ClusterDeployment a CertificateRequest belongs to, if it is not standalone. Pure. */
import type { CachedCluster } from './cached-cluster.ts';
import { requestName } from './cluster-view.ts';

/** The ClusterDeployments of a namespace, as far as they are known. */
export interface CachedOwners {
  readonly clusters: readonly Pick<CachedCluster, 'name' | 'gate' | 'certificates'>[];
  /** Names of the malformed ones. */
  readonly unreadable: readonly string[];
}

/**
 * The owner reference decides. Requests of certman-operator may lack one: such a request belongs to the cluster that has a
 * bundle of this request name. Where the bundles of a cluster are unknown, its name as a prefix decides: a request that waits
 * loses nothing, a request that is served as standalone by mistake has two writers.
 * @returns name of the ClusterDeployment; undefined when the request is standalone.
 */
export function owningCluster(
  request: { readonly name: string; readonly owner?: { readonly name: string } },
  { clusters, unreadable }: CachedOwners,
): string | undefined {
  if (request.owner !== undefined) return request.owner.name;
  const owner = clusters.find(({ certificates }) => certificates.some((one) => one.requestName === request.name));
  if (owner !== undefined) return owner.name;
  // The bundles of a deleting cluster may be unreadable.
  const withoutBundles = clusters.filter(
    ({ gate, certificates }) => gate === 'decommission' && certificates.length === 0,
  );
  return [...withoutBundles.map(({ name }) => name), ...unreadable].find((cluster) =>
    request.name.startsWith(requestName(cluster, '')),
  );
}
