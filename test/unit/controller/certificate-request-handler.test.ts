import { expect, test } from 'vitest';
import type { CachedCluster } from '../../../src/clusters/cached-cluster.ts';
import type { ClusterView } from '../../../src/clusters/cluster-view.ts';
import { certificateRequestHandler } from '../../../src/controller/certificate-request-handler.ts';
import { ControllerCache } from '../../../src/controller/controller-cache.ts';
import type { ControllerContext } from '../../../src/controller/controller-context.ts';
import { KeyedWorkQueue } from '../../../src/controller/keyed-work-queue.ts';
import { ObservedBefore } from '../../../src/controller/observed-before.ts';
import { PrimaryReconciler } from '../../../src/controller/primary-reconciler.ts';
import type { KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { RENEWAL_POLICY_ANNOTATION } from '../../../src/kubernetes/objects/renewal-policy-annotation.ts';
import { FINALIZER } from '../../../src/kubernetes/objects/resources.ts';
import { clusterView } from '../../support/workflows/cluster-views.ts';

function start() {
  const signals: string[] = [];
  const events: KubernetesObject[] = [];
  const cache = new ControllerCache();
  const record =
    (what: string) =>
    async ({ identity }: ClusterView): Promise<void> =>
      void signals.push(`${what} ${identity.name}`);
  const context = {
    cache,
    queue: new KeyedWorkQueue(4, 100),
    signal: new AbortController().signal,
    metrics: { signalDelay: { observe: () => undefined } },
    settings: { managementCluster: 'hive' },
    logger: { info: () => undefined },
    workflows: { signalObserved: record('observed'), signalGone: record('gone') },
    signaller: {
      dependencyChanged: async (clusters: readonly CachedCluster[], what: string) => {
        for (const { name } of clusters) signals.push(`${name}: ${what}`);
      },
      drifted: async () => undefined,
    },
    kubernetes: {
      withSignal: () => ({
        create: async (_resource: unknown, event: KubernetesObject) => {
          events.push(event);
          return event;
        },
      }),
    },
  } as unknown as ControllerContext;
  const reconciler = new PrimaryReconciler(context, new ObservedBefore(context));
  return { signals, events, reconciler, handler: certificateRequestHandler(context, reconciler) };
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
  await handler.onListed?.(ofCluster);
  for (const one of [ofCluster, standalone, removed]) await handler.onUpsert(one, 'list');
  await handler.onDelete(removed);
  await reconciler.reconcile(view);
  await handler.onOwnersChanged(namespace);
  expect(signals).toEqual([`observed ${name}`]);
  await handler.onOwnersKnown();
  expect(signals).toEqual([`observed ${name}`, 'observed web']);
});

test('a change of the renewal policy is signalled, to the cluster or the request itself; an invalid one gets an Event', async () => {
  const { signals, events, reconciler, handler } = start();
  const view = clusterView();
  const { namespace, name } = view.identity;
  await reconciler.reconcile(view);
  await handler.onOwnersKnown();
  const requests = [request(namespace, `${name}-primary`), request(namespace, 'web')];
  const annotate = (value: string) =>
    requests.map((one) => ({
      ...one,
      metadata: { ...one.metadata, annotations: { [RENEWAL_POLICY_ANNOTATION]: value } },
    }));
  for (const one of requests) await handler.onUpsert(one, 'watch');
  signals.length = 0;
  for (const one of [...annotate('ari'), ...annotate('ari'), ...annotate('sometimes')])
    await handler.onUpsert(one, 'watch');
  const changed = (policy: string) =>
    [name, 'web'].map(
      (of, index) =>
        `${of}: The renewal policy of the CertificateRequest ${requests[index]?.metadata.name} is ${policy} now.`,
    );
  expect(signals).toEqual([...changed('ari'), ...changed('renew-before')]);
  expect(events.map(({ reason, message, involvedObject }) => ({ reason, message, involvedObject }))).toEqual(
    requests.map(({ metadata }) => ({
      reason: 'InvalidRenewalPolicy',
      message: expect.stringContaining('"sometimes", not renew-before or ari'),
      involvedObject: expect.objectContaining({ kind: 'CertificateRequest', name: metadata.name, uid: metadata.uid }),
    })),
  );
});

test('a take-over repeats no Event of an invalid renewal policy', async () => {
  const { events, handler } = start();
  await handler.onOwnersKnown();
  const one = request('team', 'web');
  const annotated = {
    ...one,
    metadata: { ...one.metadata, annotations: { [RENEWAL_POLICY_ANNOTATION]: 'sometimes' } },
  };
  await handler.onListed?.(annotated);
  await handler.onUpsert(annotated, 'list');
  expect(events).toEqual([]);
});
