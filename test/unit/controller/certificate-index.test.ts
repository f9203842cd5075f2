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

function setRequest(certID: string, change: Readonly<Record<string, unknown>> = {}, name = 'c1-primary'): void {
  const { namespace } = view.identity;
  const status = { issued: true, certID, notAfter: '2026-12-01T00:00:00Z', ...change };
  cache.requests.set(observeRequest({ metadata: { namespace, name, uid: 'u' }, spec: {}, status }));
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
    expect(update()).toEqual(['AQ.Ag']);
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
    expect(inUse('AQ.AQ')).toEqual([]);
    expect(update()).toEqual([]);
  });

  it.each([
    ['after it was read', true],
    ['before it was read', false],
  ])('has one that comes into use again %s', (_what, isRead) => {
    setCluster();
    setRequest('AQ.AQ');
    update();
    setCluster({ paused: true });
    if (isRead) expect(inUse('AQ.AQ')).toEqual([]);
    update();
    setCluster();
    expect(update()).toEqual(['AQ.AQ']);
    expect(inUse('AQ.AQ')).toEqual(['primary']);
  });

  it('has each of several once, and the others when one goes out of use', () => {
    const names = ['c1', 'c2', 'c3'];
    const identityOf = (name: string) => ({ ...view.identity, name, uid: name });
    const setOne = (name: string): void => {
      view = { ...view, identity: identityOf(name) };
      setCluster();
      setRequest('AQ.AQ', {}, `${name}-primary`);
    };
    for (const name of [...names, ...names]) setOne(name);
    update();
    const found = () => index.get('AQ.AQ', NOW).map(({ cluster }) => cluster.name);
    expect(found()).toEqual(names);
    cache.deleteCluster(identityOf('c2'));
    expect(found()).toEqual(['c1', 'c3']);
    expect(found()).toEqual(['c1', 'c3']);
  });

  it('lacks it once it has expired', () => {
    setCluster();
    setRequest('AQ.AQ');
    update();
    expect(inUse('AQ.AQ', Date.parse('2026-12-01T00:00:00Z'))).toEqual([]);
  });
});
