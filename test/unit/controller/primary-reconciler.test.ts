import { describe, expect, it } from 'vitest';
import { toCachedCluster } from '../../../src/clusters/cached-cluster.ts';
import { type ClusterView, clusterDigest } from '../../../src/clusters/cluster-view.ts';
import { ControllerCache } from '../../../src/controller/controller-cache.ts';
import type { ControllerContext } from '../../../src/controller/controller-context.ts';
import { KeyedWorkQueue } from '../../../src/controller/keyed-work-queue.ts';
import { ObservedBefore } from '../../../src/controller/observed-before.ts';
import { PrimaryReconciler } from '../../../src/controller/primary-reconciler.ts';
import { CertmanError } from '../../../src/failures/failure.ts';
import { MissingFinalizers } from '../../../src/kubernetes/objects/missing-finalizers.ts';
import { clusterView } from '../../support/workflows/cluster-views.ts';

/** @param listFailure of the list of workflows. @param running digests of views that workflows observed before, by uid. */
function start(running: ReadonlyMap<string, string> = new Map(), listFailure?: CertmanError) {
  const gone: string[] = [];
  const signalled: string[] = [];
  const delays: number[] = [];
  const cache = new ControllerCache();
  const missingFinalizers = new MissingFinalizers();
  const context = {
    cache,
    missingFinalizers,
    queue: new KeyedWorkQueue(4, 100),
    signal: new AbortController().signal,
    metrics: { signalDelay: { observe: (_labels: object, seconds: number) => void delays.push(seconds) } },
    settings: { managementCluster: 'hive' },
    logger: { info: () => undefined, warn: () => undefined },
    workflows: {
      signalObserved: async () => undefined,
      startOrSignalObserved: async ({ identity }: ClusterView) => {
        signalled.push(identity.uid);
        return running.has(identity.uid) ? 'signalled' : 'started';
      },
      listRunning: async () => {
        if (listFailure !== undefined) throw listFailure;
        return new Map(Array.from(running, ([uid, viewDigest]) => [uid, { uid, viewDigest }]));
      },
      signalGone: async ({ identity }: ClusterView) => void gone.push(identity.uid),
    },
  } as unknown as ControllerContext;
  const observedBefore = new ObservedBefore(context);
  const reconciler = new PrimaryReconciler(context, observedBefore);
  return { gone, signalled, delays, cache, queue: context.queue, observedBefore, reconciler, missingFinalizers };
}

const view = (uid: string): ClusterView => {
  const { identity, ...rest } = clusterView();
  return { ...rest, finalizer: true, identity: { ...identity, uid } };
};

it('observes how late a change of the watch is signalled, not one of a list', async () => {
  const { delays, reconciler } = start();
  await reconciler.reconcile(view('listed'), 'list');
  expect(delays).toEqual([]);
  await reconciler.reconcile(view('watched'));
  expect(delays).toEqual([expect.any(Number)]);
});

it('shows evaluations which finalizer is missing before the signal, and forgets a deleted cluster', async () => {
  const { reconciler, queue, missingFinalizers } = start();
  const bare = { ...view('bare'), finalizer: false, resourceVersion: '7' };
  const signalled = reconciler.reconcile(bare);
  expect(missingFinalizers.take(bare.identity, ['primary'])).toBe('7');
  await signalled;
  await reconciler.reconcile({ ...bare, resourceVersion: '8' });
  await reconciler.reconcileDeleted(bare.identity);
  await queue.drain();
  expect(missingFinalizers.take(bare.identity, ['primary'])).toBeUndefined();
});

describe('a first list without a position, of which an earlier worker has handled a part', () => {
  const named = (name: string, rest: Partial<ClusterView> = {}): ClusterView => {
    const { identity, ...other } = view(`uid-${name}`);
    return { ...other, ...rest, identity: { ...identity, name } };
  };
  const [first, same, other, bare, fresh, deleted] = [
    named('first'),
    named('same'),
    named('other'),
    named('bare', { finalizer: false }),
    named('fresh'),
    named('deleted', { deleting: true }),
  ];
  const running = new Map(
    [first, same, named('other', { limitedSupport: !other.limitedSupport }), bare, deleted].map((one) => [
      one.identity.uid,
      clusterDigest(one),
    ]),
  );
  const uidsOf = (...views: readonly ClusterView[]) => views.map(({ identity }) => identity.uid);

  it('signals what no workflow has observed, once one cluster was found to have a workflow', async () => {
    const { signalled, cache, observedBefore, reconciler } = start(running);
    const loading = observedBefore.run();
    await reconciler.reconcile(first, 'list');
    await loading;
    for (const listed of [same, other, bare, fresh, deleted]) await reconciler.reconcile(listed, 'list');
    expect(signalled).toEqual(uidsOf(first, other, bare, fresh, deleted));
    // As after a signal: the next event of the same view signals nothing, and it counts as served.
    const { digest, served } = toCachedCluster(undefined, same);
    expect(cache.getCluster(same.identity)?.digest).toBe(digest);
    expect(cache.getCluster(same.identity)?.served).toBe(served);
    observedBefore.forget();
    await reconciler.reconcile(named('late'), 'list');
    expect(signalled.at(-1)).toBe('uid-late');
  });

  it('signals every cluster where none is found to have a workflow, or the workflows cannot be listed', async () => {
    const fleet = start();
    const ended = fleet.observedBefore.run();
    for (const listed of [first, same, fresh]) await fleet.reconciler.reconcile(listed, 'list');
    fleet.observedBefore.forget();
    await ended;
    expect(fleet.signalled).toEqual(uidsOf(first, same, fresh));

    const failing = start(running, new CertmanError({ code: 'temporal/visibilityUnavailable', message: 'down' }));
    const loading = failing.observedBefore.run();
    await failing.reconciler.reconcile(first, 'list');
    await loading;
    await failing.reconciler.reconcile(same, 'list');
    expect(failing.signalled).toEqual(uidsOf(first, same));
  });
});

describe('a deletion that no event showed', () => {
  it('concerns the uid that was missing, not a successor that is cached by the time it is handled', async () => {
    const { gone, cache, queue, reconciler } = start();
    const old = view('old');
    const successor = view('new');
    await reconciler.reconcile(old);
    const blocked = Promise.withResolvers<void>();
    const { namespace, name } = old.identity;
    void queue.add(`${namespace}/${name}`, () => blocked.promise);
    const handled = [reconciler.reconcile(successor), reconciler.reconcileDeleted({ namespace, name, uid: 'old' })];
    blocked.resolve();
    await Promise.all(handled);
    expect(gone).toEqual(['old']);
    expect(cache.getCluster(successor.identity)?.uid).toBe('new');
  });

  it('is signalled for what is cached under its uid only', async () => {
    const { gone, cache, reconciler } = start();
    const { identity } = view('living');
    await reconciler.reconcile(view('living'));
    await reconciler.reconcileDeleted({ ...identity, uid: 'unknown' });
    expect(gone).toEqual([]);
    await reconciler.reconcileDeleted(identity);
    expect(gone).toEqual(['living']);
    expect(cache.getCluster(identity)).toBeUndefined();
  });

  it('of a malformed cluster leaves its successor malformed', async () => {
    const { cache, reconciler } = start();
    const { namespace, name } = view('x').identity;
    cache.malformed.set({ namespace, name, uid: 'new', problem: 'bad' });
    await reconciler.reconcileDeleted({ namespace, name, uid: 'old' });
    expect(cache.malformed.get({ namespace, name })).toBeDefined();
    await reconciler.reconcileDeleted({ namespace, name, uid: 'new' });
    expect(cache.malformed.get({ namespace, name })).toBeUndefined();
  });
});
