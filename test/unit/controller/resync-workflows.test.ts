import { expect, test } from 'vitest';
import { toCachedCluster } from '../../../src/clusters/cached-cluster.ts';
import { type ClusterView, clusterDigest } from '../../../src/clusters/cluster-view.ts';
import { ControllerCache } from '../../../src/controller/controller-cache.ts';
import { WorkflowResync } from '../../../src/controller/resync-workflows.ts';
import { clusterView } from '../../support/workflows/cluster-views.ts';

test.each([undefined, 'CertificateRequest'] as const)(
  'after a take-over, a paused %s without a finalizer counts as served where it has a workflow',
  async (kind) => {
    const view = (name: string): ClusterView =>
      clusterView({
        identity: { managementCluster: 'hive', namespace: 'ns', name, uid: `uid-${name}`, kind },
        paused: true,
      });
    const [running, without] = [view('running'), view('without')];
    const cache = new ControllerCache();
    for (const one of [running, without]) cache.setCluster(toCachedCluster(undefined, one));
    const isServed = ({ identity }: ClusterView) => cache.getCluster(identity)?.served;
    expect([running, without].map(isServed)).toEqual([false, false]);
    const listed = new Map([[running.identity.uid, { ...running.identity, viewDigest: clusterDigest(running) }]]);
    const context = { cache, settings: { managementCluster: 'hive' }, workflows: { listRunning: async () => listed } };
    expect(await new WorkflowResync(context as never).run(true)).toBe(0);
    expect([running, without].map(isServed)).toEqual([true, false]);
  },
);
