import { expect, test } from 'vitest';
import type { ClusterView } from '../../../src/clusters/cluster-view.ts';
import { certificateRequestHandler } from '../../../src/controller/certificate-request-handler.ts';
import { ControllerCache } from '../../../src/controller/controller-cache.ts';
import type { ControllerContext } from '../../../src/controller/controller-context.ts';
import { KeyedWorkQueue } from '../../../src/controller/keyed-work-queue.ts';
import { PrimaryReconciler } from '../../../src/controller/primary-reconciler.ts';
import { FINALIZER } from '../../../src/kubernetes/objects/resources.ts';
import { clusterView } from '../../support/workflows/cluster-views.ts';

function start() {
  const signals: string[] = [];
  const cache = new ControllerCache();
  const record =
    (what: string) =>
    async ({ identity }: ClusterView): Promise<void> =>
      void signals.push(`${what} ${identity.name}`);
  const context = {
    cache,
    queue: new KeyedWorkQueue(4, 100),
    signal: new AbortController().signal,
    settings: { managementCluster: 'hive' },
    logger: { info: () => undefined },
    workflows: { signalObserved: record('observed'), signalGone: record('gone') },
    signaller: { dependencyChanged: async () => undefined, drifted: async () => undefined },
  } as unknown as ControllerContext;
  const reconciler = new PrimaryReconciler(context);
  return { signals, reconciler, handler: certificateRequestHandler(context, reconciler) };
}

/** Without an owner reference, as certman-operator made them too. */
function request(namespace: string, name: string) {
  return {
    metadata: { namespace, name, uid: `uid-${name}`, resourceVersion: '1', finalizers: [FINALIZER] },
    spec: {
      acmeDNSDomain: 'example.com',
      certificateSecret: { name: 'cert' },
      dnsNames: ['api.c1.example.com'],
      email: 'sre@example.com',
      platform: { aws: { credentials: { name: 'aws' }, region: 'us-east-1' } },
    },
  };
}

test('no request is taken for a standalone one, new, changed or deleted, before all ClusterDeployments are known', async () => {
  const { signals, reconciler, handler } = start();
  const view = clusterView();
  const { namespace, name } = view.identity;
  const ofCluster = request(namespace, `${name}-primary`);
  const standalone = request(namespace, 'web');
  const removed = request(namespace, 'removed');
  handler.onListed?.(ofCluster);
  for (const one of [ofCluster, standalone, removed]) await handler.onUpsert(one, 'list');
  await handler.onDelete(removed);
  await reconciler.reconcile(view);
  await handler.onOwnersChanged(namespace);
  expect(signals).toEqual([`observed ${name}`]);
  await handler.onOwnersKnown();
  expect(signals).toEqual([`observed ${name}`, 'observed web']);
});
