import { beforeEach, expect, test, vi } from 'vitest';
import type { BundleView, ClusterView } from '../../../src/clusters/cluster-view.ts';
import type { RateLimitState } from '../../../src/rate-limit/exact-set-limit.ts';
import { ClusterCertificates } from '../../../workflows/cluster/cluster.ts';

const forever = new Promise<never>(() => {});

vi.mock('@temporalio/workflow', async (original) => ({
  ...(await original<object>()),
  patched: () => true,
  setCurrentDetails: () => {},
  upsertMemo: () => {},
  upsertSearchAttributes: () => {},
  workflowInfo: () => ({ continueAsNewSuggested: true }),
  condition: () => forever,
  CancellationScope: class {
    run<T>(work: () => Promise<T>): Promise<T> {
      return work();
    }
  },
  proxyActivities: () => ({}),
}));

const bundleView = (name: string): BundleView => ({
  name,
  secretName: name,
  names: { kind: 'valid', dnsNames: [`${name}.example.com`] },
});

function clusterOf(...names: readonly string[]): ClusterView {
  return {
    identity: { managementCluster: 'm', namespace: 'ns', name: 'c1', uid: 'u1' },
    deleting: false,
    installed: true,
    managed: true,
    fake: false,
    paused: false,
    limitedSupport: false,
    relocation: 'none',
    finalizer: true,
    zoneName: 'example.com',
    platform: { kind: 'aws', region: 'us-east-1', sts: false },
    bundles: names.map(bundleView),
  } as unknown as ClusterView;
}

const BOUND_BY_LIMIT: RateLimitState = [
  { nameSet: 'x', theoreticalArrival: '2099-01-01T00:00:00.000Z', intervalMs: 1_000 },
];

let cluster: ClusterCertificates;

beforeEach(() => {
  cluster = new ClusterCertificates({
    cluster: clusterOf('a'),
    carried: { bundles: {}, gone: false, rateLimitState: { b: BOUND_BY_LIMIT } },
  });
});

test('a run does not continue as new while a bundle that was removed meanwhile is evaluated', () => {
  const evaluated = new Set(['a', 'b']);
  cluster.onClusterObserved(clusterOf('a', 'b'));
  cluster.startBundles((bundle) => (evaluated.has(bundle.name) ? forever : bundle.changes.sleep(bundle.changes.count)));
  cluster.onClusterObserved(clusterOf('a'));
  const [a] = cluster.wantedBundles();
  void a?.changes.sleep(a.changes.count);
  expect(cluster.mayContinueAsNew()).toBe(false);
});

test('a run continues as new once every bundle sleeps', () => {
  cluster.startBundles((bundle) => bundle.changes.sleep(bundle.changes.count));
  expect(cluster.mayContinueAsNew()).toBe(true);
});

test('rate limit use is carried for a bundle that is added and removed before anything is recorded', () => {
  cluster.onClusterObserved(clusterOf('a', 'b'));
  cluster.onClusterObserved(clusterOf('a'));
  expect(cluster.continueAsNewInput().carried?.rateLimitState).toEqual({ b: BOUND_BY_LIMIT });
});
