import { expect, test, vi } from 'vitest';
import { toCachedCluster } from '../../../src/clusters/cached-cluster.ts';
import { ControllerCache } from '../../../src/controller/controller-cache.ts';
import { NamespacedMap } from '../../../src/controller/namespaced-map.ts';
import { OwnedObjectsResync } from '../../../src/controller/resync-owned-objects.ts';
import { observeSecret } from '../../../src/kubernetes/objects/observed-secret.ts';
import { SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { bundleView, clusterView } from '../../support/workflows/cluster-views.ts';

const CLUSTERS = 40;

/** Without a CertificateRequest, and with workflows that wait: nothing is signalled. */
function fleet() {
  const cache = new ControllerCache();
  for (let index = 0; index < CLUSTERS; index += 1) {
    const identity = { managementCluster: 'hive', namespace: `n${index}`, name: 'c', uid: `u${index}` };
    cache.setCluster(
      toCachedCluster(undefined, clusterView({ identity, bundles: [bundleView('api', 'api.example.com')] })),
    );
  }
  return {
    settings: { resyncIntervalMs: 1 },
    cache,
    signal: new AbortController().signal,
    caHost: () => Promise.resolve(undefined),
    kubernetes: { async *list() {} },
    workflows: {
      listWaitingOrFailing: () => Promise.resolve([...cache.allClusters()].map(({ uid }) => ({ uid }))),
    },
  };
}

test('other work of the event loop gets its turn while the certificates are compared', async () => {
  const freshness = { read: () => Promise.resolve(new NamespacedMap()) };
  const resync = new OwnedObjectsResync(fleet() as never, freshness as never);
  let now = 0;
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => (now += 1));
  let turns = 0;
  let ended = false;
  const count = (): void => {
    turns += 1;
    if (!ended) setImmediate(count);
  };
  setImmediate(count);
  try {
    // Each lacks its request, for which a workflow that waits is responsible.
    expect(await resync.run([])).toBe(0);
  } finally {
    ended = true;
    clock.mockRestore();
  }
  // By the mocked clock, a comparison takes 1 ms, and a slice has two.
  expect(turns).toBeGreaterThanOrEqual(CLUSTERS / 2);
});

test('a list replaces no Secret in the cache that has not changed', async () => {
  const context = fleet();
  const secretOf = (namespace: string, resourceVersion: string) => ({
    metadata: { namespace, name: SECRET, resourceVersion },
  });
  const { secretName: SECRET = '' } = context.cache.allClusters().next().value?.certificates[0] ?? {};
  const cached = (namespace: string) => context.cache.secrets.get({ namespace, name: SECRET });
  for (const namespace of ['n0', 'n1']) context.cache.secrets.set(observeSecret(secretOf(namespace, '7')));
  const before = cached('n0');
  const kubernetes = {
    async *list(resource: object) {
      if (resource === SECRETS) yield* [secretOf('n0', '7'), secretOf('n1', '8')];
    },
  };
  const freshness = { read: (_: object, { list }: { list: () => Promise<unknown> }) => list() };
  await new OwnedObjectsResync({ ...context, kubernetes } as never, freshness as never).run([]);
  expect(before).toBeDefined();
  expect(cached('n0')).toBe(before);
  expect(cached('n1')?.resourceVersion).toBe('8');
});
