import { describe, expect, it } from 'vitest';
import { toCachedCluster } from '../../../src/clusters/cached-cluster.ts';
import type { ClusterView } from '../../../src/clusters/cluster-view.ts';
import { owningCluster } from '../../../src/clusters/owning-cluster.ts';
import { bundleView, clusterView } from '../../support/workflows/cluster-views.ts';

const cluster = (change: Partial<ClusterView> = {}) => toCachedCluster(undefined, clusterView(change));
const claimed = (name: string, there: Partial<Parameters<typeof owningCluster>[1]> = {}) =>
  owningCluster({ name }, { clusters: [], unreadable: [], ...there });

describe('a CertificateRequest', () => {
  it('that no ClusterDeployment needs is standalone', () => {
    expect(claimed('web')).toBeUndefined();
    expect(claimed('web', { clusters: [cluster()] })).toBeUndefined();
  });

  it('belongs to its owner, whether that exists or not', () => {
    const request = { name: 'web', owner: { name: 'c9' } };
    expect(owningCluster(request, { clusters: [cluster()], unreadable: [] })).toBe('c9');
  });

  it('without an owner belongs to the cluster that has a bundle of its name', () => {
    expect(claimed('c1-primary', { clusters: [cluster()] })).toBe('c1');
    expect(claimed('c1-second', { clusters: [cluster()] })).toBeUndefined();
  });

  it.each<[string, Partial<ClusterView>]>([
    ['not managed', { managed: false }],
    ['not installed', { installed: false }],
    ['paused', { paused: true }],
    ['being deleted', { deleting: true }],
  ])('belongs to its cluster while that is %s', (_name, change) => {
    expect(claimed('c1-primary', { clusters: [cluster(change)] })).toBe('c1');
  });

  it('belongs to a malformed cluster whose name is its prefix', () => {
    expect(claimed('c1-second', { unreadable: ['c1'] })).toBe('c1');
    expect(claimed('c10-second', { unreadable: ['c1'] })).toBeUndefined();
    expect(claimed('c1', { unreadable: ['c1'] })).toBeUndefined();
  });

  it('belongs to a deleting cluster without readable bundles whose name is its prefix', () => {
    const emptied = cluster({ deleting: true, bundles: [] });
    const moving = cluster({ deleting: true, bundles: [], relocation: 'outgoing' });
    expect(claimed('c1-second', { clusters: [emptied] })).toBe('c1');
    expect(claimed('c1-second', { clusters: [moving] })).toBe('c1');
    expect(claimed('c1-second', { clusters: [cluster({ deleting: true })] })).toBeUndefined();
    expect(claimed('c1-second', { clusters: [cluster({ bundles: [] })] })).toBeUndefined();
  });

  it('is found by the lower-case name that a bundle gives it', () => {
    expect(claimed('c1-big', { clusters: [cluster({ bundles: [bundleView('Big')] })] })).toBe('c1');
  });
});
