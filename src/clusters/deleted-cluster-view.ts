/** A cluster whose object nobody can read any more. Pure. */
import type { ClusterIdentity, ClusterView } from './cluster-view.ts';

/** What is left to say of it: that it is to be cleared away, without bundles, zone or platform, since none is known. */
export function deletedClusterView(identity: ClusterIdentity): ClusterView {
  return {
    identity,
    deleting: true,
    installed: true,
    managed: true,
    fake: false,
    paused: false,
    limitedSupport: false,
    relocation: 'none',
    finalizer: false,
    zoneName: '',
    platform: { kind: 'unsupported', found: 'unknown' },
    bundles: [],
  };
}
