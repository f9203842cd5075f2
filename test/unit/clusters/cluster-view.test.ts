import { describe, expect, it } from 'vitest';
import { clusterDigest, sameView } from '../../../src/clusters/cluster-view.ts';
import { requestName } from '../../../src/clusters/request-name.ts';
import { bundleView, clusterView } from '../../support/workflows/cluster-views.ts';

describe('requestName', () => {
  it('joins the ClusterDeployment and the bundle in lower case', () => {
    expect(requestName('Cluster-1', 'Primary-Cert-Bundle')).toBe('cluster-1-primary-cert-bundle');
  });
});

describe('clusterDigest and sameView', () => {
  const view = clusterView();

  it('ignore the finalizer of certman', () => {
    expect(clusterDigest({ ...view, finalizer: true })).toBe(clusterDigest({ ...view, finalizer: false }));
    expect(sameView({ ...view, finalizer: true }, { ...view, finalizer: false })).toBe(true);
  });

  it.each([
    { deleting: true },
    { installed: false },
    { managed: false },
    { fake: true },
    { paused: true },
    { limitedSupport: true },
    { relocation: 'outgoing' as const },
    { zoneName: 'other.example' },
    { platform: { kind: 'unsupported' as const, found: 'vsphere' } },
    { bundles: [bundleView('primary', 'api.other.example.com')] },
    { apiURL: 'https://api.example.com' },
    { identity: { ...view.identity, uid: 'another' } },
  ])('reflect a change of %o', (change) => {
    expect(clusterDigest({ ...view, ...change })).not.toBe(clusterDigest(view));
    expect(sameView({ ...view, ...change }, view)).toBe(false);
  });
});
