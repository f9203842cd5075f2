import { beforeEach, describe, expect, it } from 'vitest';
import { toCachedCluster } from '../../../src/clusters/cached-cluster.ts';
import type { ClusterView } from '../../../src/clusters/cluster-view.ts';
import { CertificateIndex } from '../../../src/controller/certificate-index.ts';
import { ControllerCache } from '../../../src/controller/controller-cache.ts';
import { observeRequest } from '../../../src/kubernetes/objects/observed-request.ts';
import { clusterView } from '../../support/workflows/cluster-views.ts';

const NOW = Date.parse('2026-11-01T00:00:00Z');

let cache: ControllerCache;
let index: CertificateIndex;
let view: ClusterView;
beforeEach(() => {
  cache = new ControllerCache();
  index = new CertificateIndex(cache, ({ request }) => request.certId);
  view = clusterView();
});

function setRequest(certID: string, change: Readonly<Record<string, unknown>> = {}): void {
  const { namespace } = view.identity;
  const status = { issued: true, certID, notAfter: '2026-12-01T00:00:00Z', ...change };
  cache.requests.set(observeRequest({ metadata: { namespace, name: 'c1-primary', uid: 'u' }, spec: {}, status }));
}
const setCluster = (change: Partial<ClusterView> = {}): void =>
  cache.setCluster(toCachedCluster(cache.getCluster(view.identity), { ...view, finalizer: true, ...change }));
const update = (now = NOW): readonly string[] => [...index.update(now)];
const inUse = (key: string, now = NOW): readonly string[] => index.get(key, now).map(({ bundleName }) => bundleName);

describe('the index of the certificates in use', () => {
  it('has one once its request and its cluster are cached, in either order', () => {
    setRequest('AQ.AQ');
    expect(update()).toEqual([]);
    setCluster();
    expect(update()).toEqual(['AQ.AQ']);
    expect(inUse('AQ.AQ')).toEqual(['primary']);
    expect(update()).toEqual([]);
  });

  it('has what was cached before it', () => {
    setCluster();
    setRequest('AQ.AQ');
    index = new CertificateIndex(cache, ({ request }) => request.certId);
    expect(update()).toEqual(['AQ.AQ']);
  });

  it('has a renewed certificate instead of the one before', () => {
    setCluster();
    setRequest('AQ.AQ');
    update();
    setRequest('AQ.Ag');
    expect(update()).toEqual(['AQ.AQ', 'AQ.Ag']);
    expect(inUse('AQ.AQ')).toEqual([]);
    expect(inUse('AQ.Ag')).toEqual(['primary']);
  });

  it.each<readonly [string, () => void]>([
    ['its request is deleted', () => cache.requests.delete({ namespace: view.identity.namespace, name: 'c1-primary' })],
    ['its cluster is deleted', () => void cache.deleteCluster(view.identity)],
    ['its cluster is paused', () => setCluster({ paused: true })],
    ['its cluster does not want it any more', () => setCluster({ bundles: [] })],
    ['it is in no Secret', () => setRequest('AQ.AQ', { issued: false })],
  ])('lacks it once %s', (_what, change) => {
    setCluster();
    setRequest('AQ.AQ');
    update();
    change();
    expect(update()).toEqual(['AQ.AQ']);
    expect(inUse('AQ.AQ')).toEqual([]);
  });

  it('lacks it once it has expired', () => {
    setCluster();
    setRequest('AQ.AQ');
    update();
    expect(inUse('AQ.AQ', Date.parse('2026-12-01T00:00:00Z'))).toEqual([]);
  });
});
