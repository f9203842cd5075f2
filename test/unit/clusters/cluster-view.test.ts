import { describe, expect, it } from 'vitest';
import { clusterDigest, isOlderView, sameView } from '../../../src/clusters/cluster-view.ts';
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

  it('ignore the resourceVersion', () => {
    expect(clusterDigest({ ...view, resourceVersion: '1' })).toBe(clusterDigest(view));
    expect(sameView({ ...view, resourceVersion: '1' }, { ...view, resourceVersion: '2' })).toBe(true);
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

describe('isOlderView', () => {
  it.each([
    ['999', '1000', true],
    ['1000', '999', false],
    ['1000', '1000', false],
    ['9007199254740993', '9007199254740994', true],
    [undefined, '1000', false],
    ['999', undefined, false],
    ['unknown', '1000', false],
    ['0999', '1000', false],
  ])('compares %s with %s as integers of any size: %s', (resourceVersion, than, expected) => {
    const view = clusterView();
    expect(isOlderView({ ...view, resourceVersion }, { ...view, resourceVersion: than })).toBe(expected);
  });
});
