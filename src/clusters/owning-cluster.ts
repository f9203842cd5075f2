/** Which CertificateRequests stand alone: made by their user, for no ClusterDeployment, and served in their own name. Pure. */
import { requestName } from './certificate-request-name.ts';
import type { CachedCluster } from './signal-decision.ts';

/** The ClusterDeployments of a namespace, as far as they are known. */
export interface CachedOwners {
  readonly clusters: readonly Pick<CachedCluster, 'name' | 'gate' | 'certificates'>[];
  /** Names of those that cannot be read. */
  readonly unreadable: readonly string[];
}

/**
 * The ClusterDeployment that a CertificateRequest belongs to; undefined when it stands alone.
 *
 * The owner reference decides. certman-operator's requests may lack theirs: they belong to the cluster that has a bundle of
 * that name, and, where the bundles of a cluster cannot be read, to the one whose name theirs begins with. Left alone until
 * that is known, such a request loses nothing; served in its own name it would have two writers.
 */
export function owningCluster(
  request: { readonly name: string; readonly owner?: { readonly name: string } },
  there: CachedOwners,
): string | undefined {
  if (request.owner !== undefined) return request.owner.name;
  const asking = there.clusters.find(({ certificates }) =>
    certificates.some((one) => one.requestName === request.name),
  );
  if (asking !== undefined) return asking.name;
  // A cluster that is being deleted is taken as it is, even when its bundles cannot be read.
  const emptied = there.clusters.filter(
    ({ gate, certificates }) => gate === 'decommission' && certificates.length === 0,
  );
  return [...emptied.map(({ name }) => name), ...there.unreadable].find((cluster) =>
    request.name.startsWith(requestName(cluster, '')),
  );
}
