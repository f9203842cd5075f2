/** Which hosted zone a cluster's TXT records go into, and whose credentials reach it. */
import type { ZoneTarget } from '../../activities/contract.ts';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';

export function zoneOf({ identity, zoneName, platform }: ClusterView): ZoneTarget {
  const { namespace, name: clusterName, kind } = identity;
  return { namespace, clusterName, zoneName, platform, ...(kind === undefined ? {} : { kind }) };
}
