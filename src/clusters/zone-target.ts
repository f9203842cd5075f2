import type { ClusterRef } from './cluster-identity.ts';
import type { ClusterView, PlatformView } from './cluster-view.ts';

/** The hosted zone of a cluster's TXT records; its DNSZone and credentials are in `namespace`. */
export interface ZoneTarget {
  readonly namespace: string;
  readonly clusterName: string;
  readonly zoneName: string;
  readonly platform: PlatformView;
  readonly kind?: ClusterRef['kind'];
}

/** The zone of a cluster. */
export function zoneTargetOf({ identity, zoneName, platform }: ClusterView): ZoneTarget {
  const { namespace, name: clusterName, kind } = identity;
  return { namespace, clusterName, zoneName, platform, kind };
}
