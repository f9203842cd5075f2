import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Client,
  InternalConnectionLikeSymbol,
  WorkflowExecutionAlreadyStartedError,
  type WorkflowOptions,
} from '@temporalio/client';
import { NamespaceNotFoundError } from '@temporalio/common';
import type { NativeConnection } from '@temporalio/worker';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ClusterView } from '../../../src/clusters/cluster-view.ts';
import { dependencyChanged } from '../../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId } from '../../../src/contract/ids.ts';
import {
  FIRST_TASK,
  FULFILL_ORDER,
  FULFILL_WITH_PLACEMENT,
  givenPatches,
  PATCHES_IN_INPUT,
} from '../../../src/contract/patches.ts';
import { ClusterWorkflowClient, listExecutions } from '../../../src/controller/cluster-workflow-client.ts';
import { RenewableConnection } from '../../../src/worker/renewable-connection.ts';
import { clientWithLists, execution } from '../../support/temporal/client-with-lists.ts';
import { clusterView } from '../../support/workflows/cluster-views.ts';

vi.mock('../../../src/kubernetes/api/backoff.ts', async (original) => ({
  ...(await original<object>()),
  pause: () => Promise.resolve(),
}));

const PAGE_LIMIT_MS = 20_000;
const PAGE_TAKES_MS = 15_000;
const PAGES = 4;

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

/** A client whose server takes long for each page of two, and holds it to the deadline of the call. */
function slowClient() {
  const calls = new AsyncLocalStorage<number>();
  const left: number[] = [];
  async function* list() {
    for (let page = 0; page < PAGES; page += 1) {
      left.push((calls.getStore() ?? 0) - Date.now());
      vi.setSystemTime(Date.now() + PAGE_TAKES_MS);
      yield* [{ runId: `${page}a` }, { runId: `${page}b` }];
    }
  }
  const client = {
    withDeadline: (deadline: number, call: () => Promise<unknown>) => calls.run(deadline, call),
    workflow: { list },
  };
  return { client: client as unknown as Pick<Client, 'withDeadline' | 'workflow'>, left };
}

test('each page of a list has the whole time limit, however long the pages before took', async () => {
  const { client, left } = slowClient();
  const found: string[] = [];
  for await (const { runId } of listExecutions(client, {}, PAGE_LIMIT_MS)) found.push(runId);
  expect(found).toHaveLength(2 * PAGES);
  expect(left).toEqual(Array(PAGES).fill(PAGE_LIMIT_MS));
});

test('a list of several pages has a workflow that continues as new meanwhile, once, as it is then', async () => {
  const queries: string[] = [];
  const startedAt = Date.parse('2026-12-01T00:00:00Z');
  const lists = [
    [[execution('newest', { startedAt }), execution('twice')], [execution('oldest')]],
    [[execution('lost'), execution('twice')]],
  ];
  const workflows = new ClusterWorkflowClient({
    client: () => clientWithLists(lists, queries),
    managementCluster: 'hive',
    taskQueue: 'certman/hive',
    signal: new AbortController().signal,
    metrics: { workflowListFailures: { inc: () => undefined } as never },
    logger: { warn: () => undefined },
  });
  const running = await workflows.listRunning();
  expect(Array.from(running.values(), ({ name }) => name).sort()).toEqual(['lost', 'newest', 'oldest', 'twice']);
  expect(queries[1]).toBe(`${queries[0]} AND StartTime >= '2026-11-30T23:59:50.000Z'`);
});

function grpcError(code: number, details = 'no'): Error {
  return Object.assign(new Error('refused'), { code, details, metadata: {} });
}

/** A client whose server answers this many calls with an error, by default every one. */
function refusingClient(refusal: Error, refusals = Number.POSITIVE_INFINITY) {
  let calls = 0;
  const refuse = () => {
    calls += 1;
    return calls <= refusals ? Promise.reject(refusal) : Promise.resolve();
  };
  const call = (_limit: unknown, send: () => Promise<unknown>) => send();
  const client = {
    withDeadline: call,
    withAbortSignal: call,
    workflow: { getHandle: () => ({ signal: refuse }) },
  } as unknown as Client;
  const workflows = new ClusterWorkflowClient({
    client: () => client,
    managementCluster: 'hive',
    taskQueue: 'certman/hive',
    signal: new AbortController().signal,
    metrics: { workflowListFailures: { inc: () => undefined } as never },
    logger: { warn: () => undefined },
  });
  return { workflows, calls: () => calls };
}

test.each([
  ['INVALID_ARGUMENT', 3, 1, 'SignalRejected'],
  ['FAILED_PRECONDITION', 9, 6, 'SignalRejected'],
  ['UNIMPLEMENTED', 12, 6, 'SignalRejected'],
  // As of one workflow whose history is corrupted: it must not stop the signals to all others.
  ['INTERNAL', 13, 6, 'SignalRejected'],
  ['DATA_LOSS', 15, 6, 'SignalRejected'],
  ['UNAVAILABLE', 14, 6, 'CertmanError'],
])('a signal that is refused with %s fails for its workflow only, or for all', async (_name, code, attempts, error) => {
  const { workflows, calls } = refusingClient(grpcError(code));
  const cluster = { namespace: 'n', name: 'c1', uid: 'u' };
  const sent = workflows.signal(cluster, dependencyChanged, { what: 'x' });
  await expect(sent).rejects.toMatchObject({ name: error });
  expect(calls()).toBe(attempts);
});

test('a namespace that Temporal does not find for a moment ends nothing; for longer, Temporal counts as unreachable', async () => {
  const cluster = { namespace: 'n', name: 'c1', uid: 'u' };
  const passing = refusingClient(new NamespaceNotFoundError('default'), 2);
  await passing.workflows.signal(cluster, dependencyChanged, { what: 'x' });
  expect(passing.calls()).toBe(3);
  const lasting = refusingClient(new NamespaceNotFoundError('default'));
  await expect(lasting.workflows.signal(cluster, dependencyChanged, { what: 'x' })).rejects.toMatchObject({
    code: 'temporal/unreachable',
    message: expect.stringContaining("Namespace not found: 'default'"),
  });
  expect(lasting.calls()).toBe(6);
});

/** A client whose server has these workflows. @param connection default: one that no worker shares. */
function clientOf(
  running: ReadonlySet<string>,
  connection: object = {},
  heldBackPatches?: readonly string[],
  logger = { warn: (): void => undefined },
  versioned?: boolean,
) {
  let refusalOf: (started: WorkflowOptions) => Error | false = () => false;
  const options: WorkflowOptions[] = [];
  const eager: boolean[] = [];
  const starts: string[] = [];
  const signals: string[] = [];
  const call = (_limit: unknown, send: () => Promise<unknown>) => send();
  const fairnessKeys = new Set<string | undefined>();
  const client = {
    connection,
    withDeadline: call,
    withAbortSignal: call,
    workflow: {
      start: (type: string, started: WorkflowOptions) => {
        const { workflowId, requestEagerStart, priority } = started;
        options.push(started);
        fairnessKeys.add(priority?.fairnessKey);
        starts.push(workflowId);
        eager.push(requestEagerStart === true);
        const refusal = refusalOf(started);
        if (refusal !== false) return Promise.reject(refusal);
        return running.has(workflowId)
          ? Promise.reject(new WorkflowExecutionAlreadyStartedError('it runs', workflowId, type))
          : Promise.resolve();
      },
      signalWithStart: (_type: string, started: WorkflowOptions) => {
        const { workflowId, priority } = started;
        options.push(started);
        fairnessKeys.add(priority?.fairnessKey);
        signals.push(workflowId);
        const refusal = refusalOf(started);
        return refusal === false ? Promise.resolve() : Promise.reject(refusal);
      },
    },
  } as unknown as Client;
  const workflows = new ClusterWorkflowClient({
    client: () => client,
    managementCluster: 'hive',
    taskQueue: 'certman/hive',
    signal: new AbortController().signal,
    metrics: { workflowListFailures: { inc: () => undefined } as never },
    logger,
    heldBackPatches,
    versioned,
  });
  const refuse = (about: typeof refusalOf): void => void (refusalOf = about);
  return { options, workflows, starts, signals, eager, fairnessKeys, refuse };
}

function fleetOf(count: number): readonly ClusterView[] {
  const { identity, ...rest } = clusterView();
  return Array.from({ length: count }, (_, index) => ({ ...rest, identity: { ...identity, uid: `uid-${index}` } }));
}

test('workflows have a share for each namespace, however they start', async () => {
  const { workflows, fairnessKeys } = clientOf(new Set());
  const [view] = fleetOf(1);
  if (view === undefined) throw new Error('no cluster');
  await workflows.startOrSignalObserved(view);
  await workflows.signalObserved({ ...view, identity: { ...view.identity, namespace: 'other' } });
  expect([...fairnessKeys]).toEqual([view.identity.namespace, 'other']);
});

test('clusters of a list without a workflow are started, and not signalled', async () => {
  const { workflows, starts, signals } = clientOf(new Set());
  for (const view of fleetOf(5)) await workflows.startOrSignalObserved(view);
  expect({ starts: starts.length, signals: signals.length }).toEqual({ starts: 5, signals: 0 });
});

test('clusters of a list whose workflows run are all signalled, and few starts are tried', async () => {
  const fleet = fleetOf(1_000);
  const ids = fleet.map(({ identity }) => clusterWorkflowId(identity));
  const { workflows, starts, signals } = clientOf(new Set(ids));
  for (const view of fleet) await workflows.startOrSignalObserved(view);
  expect(signals).toEqual(ids);
  expect(starts.length).toBeLessThan(25);
});

test('after clusters with workflows, those without are soon started again', async () => {
  const fleet = fleetOf(400);
  const ids = fleet.map(({ identity }) => clusterWorkflowId(identity));
  const { workflows, starts, signals } = clientOf(new Set(ids.slice(0, 200)));
  for (const view of fleet) await workflows.startOrSignalObserved(view);
  expect(starts.slice(-100)).toEqual(ids.slice(-100));
  expect(new Set([...starts, ...signals])).toEqual(new Set(ids));
});

test.each([
  ['of a worker', new RenewableConnection(connectionOfWorker()), true],
  ['that no worker shares', {}, false],
])(
  'with a connection %s, the first task of a workflow comes with its start: %s',
  async (_what, connection, expected) => {
    const { workflows, eager } = clientOf(new Set(), connection);
    for (const view of fleetOf(1)) await workflows.startOrSignalObserved(view);
    expect(eager).toEqual([expected]);
  },
);

test('the first task of a workflow does not come with its start to a worker that has a version', async () => {
  const { workflows, eager } = clientOf(new Set(), connectionOfWorker(), undefined, undefined, true);
  for (const view of fleetOf(1)) await workflows.startOrSignalObserved(view);
  expect(eager).toEqual([false]);
});

function connectionOfWorker(): NativeConnection {
  return { [InternalConnectionLikeSymbol]: { supportsEagerStart: true } } as unknown as NativeConnection;
}

/** Patches in the input of a workflow, and in its search attributes. */
function patchesOf(started: WorkflowOptions) {
  const { args, typedSearchAttributes } = started as WorkflowOptions & { readonly args: readonly unknown[] };
  const [input] = args as [{ readonly patches: readonly string[] }];
  const pairs = typedSearchAttributes as readonly {
    readonly key: { readonly name: string };
    readonly value: unknown;
  }[];
  return [input.patches, pairs.find(({ key }) => key.name === 'TemporalChangeVersion')?.value];
}

test.each([
  ['nothing is held back', [], givenPatches(), givenPatches()],
  ['one is held back', [FIRST_TASK], [FULFILL_ORDER, FULFILL_WITH_PLACEMENT], [FULFILL_ORDER, FULFILL_WITH_PLACEMENT]],
  ['all are held back', givenPatches(), [], undefined],
  ['that inputs have them is held back', [PATCHES_IN_INPUT], [], undefined],
])(
  'a workflow has its patches by its input, and by its search attribute: %s',
  async (_what, heldBack, input, found) => {
    const { workflows, options } = clientOf(new Set(), {}, heldBack);
    for (const view of fleetOf(1)) {
      await workflows.startOrSignalObserved(view);
      await workflows.signalObserved(view);
    }
    expect(options.map(patchesOf)).toEqual([
      [input, found],
      [input, found],
    ]);
  },
);

test('where Temporal refuses starts with the attribute of their patches, clusters start without it, and the log has it once', async () => {
  const warn = vi.fn();
  const { workflows, options, refuse } = clientOf(new Set(), {}, [], { warn });
  refuse((started) => patchesOf(started)[1] !== undefined && CHANGE_VERSION_REFUSED);
  const fleet = fleetOf(6);
  // As many as are started at once.
  await Promise.all(fleet.slice(0, 4).map((view) => workflows.startOrSignalObserved(view)));
  await workflows.startOrSignalObserved(fleet[4] as ClusterView);
  await workflows.signalObserved(fleet[5] as ClusterView);
  const [refused, accepted] = [options.slice(0, 4), options.slice(4)];
  expect(refused.map((started) => patchesOf(started)[1])).toEqual(Array(4).fill(givenPatches()));
  expect(accepted.map(patchesOf)).toEqual(accepted.map(() => [givenPatches(), undefined]));
  expect(accepted).toHaveLength(6);
  expect(warn).toHaveBeenCalledOnce();
});

test('a start that is refused without that attribute too fails for its cluster', async () => {
  const { workflows, options, refuse } = clientOf(new Set());
  refuse(() => CHANGE_VERSION_REFUSED);
  const [view] = fleetOf(1);
  await expect(workflows.signalObserved(view as ClusterView)).rejects.toMatchObject({ name: 'SignalRejected' });
  expect(options).toHaveLength(2);
});

const CHANGE_VERSION_REFUSED = grpcError(3, "TemporalChangeVersion attribute can't be set in SearchAttributes");
