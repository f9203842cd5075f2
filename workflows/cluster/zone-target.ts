/** Which hosted zone a cluster's TXT records go into, and whose credentials reach it. */
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import type { ZoneTarget } from '../../src/clusters/zone-target.ts';

export function zoneTargetOf({ identity, zoneName, platform }: ClusterView): ZoneTarget {
  const { namespace, name: clusterName, kind } = identity;
  return { namespace, clusterName, zoneName, platform, ...(kind === undefined ? {} : { kind }) };
}
