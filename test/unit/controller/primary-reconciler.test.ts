import { describe, expect, it } from 'vitest';
import type { ClusterView } from '../../../src/clusters/cluster-view.ts';
import { ControllerCache } from '../../../src/controller/controller-cache.ts';
import type { ControllerContext } from '../../../src/controller/controller-context.ts';
import { KeyedWorkQueue } from '../../../src/controller/keyed-work-queue.ts';
import { PrimaryReconciler } from '../../../src/controller/primary-reconciler.ts';
import { clusterView } from '../../support/workflows/cluster-views.ts';

function start() {
  const gone: string[] = [];
  const delays: number[] = [];
  const cache = new ControllerCache();
  const context = {
    cache,
    queue: new KeyedWorkQueue(4, 100),
    signal: new AbortController().signal,
    metrics: { signalDelay: { observe: (_labels: object, seconds: number) => void delays.push(seconds) } },
    settings: { managementCluster: 'hive' },
    logger: { info: () => undefined },
    workflows: {
      signalObserved: async () => undefined,
      startOrSignalObserved: async () => undefined,
      signalGone: async ({ identity }: ClusterView) => void gone.push(identity.uid),
    },
  } as unknown as ControllerContext;
  return { gone, delays, cache, queue: context.queue, reconciler: new PrimaryReconciler(context) };
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
