/** The first evaluation of a cluster is a local activity. docs/decisions/first-task.md has what can go wrong with one. */
import { expect, test } from 'vitest';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import type { ApplyCertificateRequestsInput } from '../../src/contract/activities/kubernetes.ts';
import { campaignRequested } from '../../src/contract/campaign-request.ts';
import {
  clusterGone,
  clusterObserved,
  dependencyChanged,
  requestClaimed,
} from '../../src/contract/cluster-certificates.ts';
import { clusterMemo } from '../../src/contract/cluster-memo.ts';
import { clusterWorkflowId } from '../../src/contract/ids.ts';
import { givenPatches } from '../../src/contract/patches.ts';
import { revocationRequested } from '../../src/contract/revocation-request.ts';
import { TemporalWorker } from '../../src/worker/temporal-worker.ts';
import type { clusterCertificates } from '../../workflows/cluster-certificates.ts';
import { Gate } from '../support/faults/gate.ts';
import { failedTasksIn, workflowTasksOfLocalActivities } from '../support/temporal/history-events.ts';
import type { History } from '../support/temporal/history-json.ts';
import { installQuietRuntime } from '../support/temporal/quiet-runtime.ts';
import { workflowBundle } from '../support/temporal/workflow-bundle.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { activityFailure } from '../support/workflows/activity-doubles.ts';
import { bundleView, clusterView } from '../support/workflows/cluster-views.ts';
import { untilReady, useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const withHarness = useWorkflowHarness();

/** A worker extends a task that has a local activity when 80 % of this are over. */
const TASK_TIMEOUT_MS = 2_000;

type Handle = Awaited<ReturnType<typeof start>>;

/** What can arrive while the first workflow task is extended. Some have commands of their own: the memo, markers, signals. */
const MESSAGES: Readonly<Record<string, (handle: Handle, view: ClusterView) => Promise<unknown>>> = {
  'a change of a dependency': (handle) => handle.signal(dependencyChanged, { what: 'The account was changed.' }),
  'the same view': (handle, view) => handle.signal(clusterObserved, view),
  'another bundle': (handle, view) =>
    handle.signal(clusterObserved, { ...view, bundles: [...view.bundles, bundleView('added', '*.apps.example.com')] }),
  'other names': (handle, view) =>
    handle.signal(clusterObserved, {
      ...view,
      bundles: view.bundles.map(({ name }) => bundleView(name, 'api.example.com')),
    }),
  'a pause': (handle, view) => handle.signal(clusterObserved, { ...view, paused: true }),
  'a deletion': (handle, view) => handle.signal(clusterObserved, { ...view, deleting: true }),
  'its end': (handle) => handle.signal(clusterGone),
  'a campaign that it refuses': (handle) =>
    handle.signal(campaignRequested, {
      campaign: 'c',
      wave: 'campaign/hive/c/0',
      item: 0,
      bundleName: 'none',
      serialNumber: '1',
    }),
  'a revocation': (handle, view) =>
    handle.signal(revocationRequested, {
      bundleName: view.bundles[0]?.name ?? '',
      serialNumber: '1',
      reason: 0,
      replaceFirst: false,
      delayMs: 0,
    }),
  'a claim': (handle) => handle.signal(requestClaimed, { clusterDeployment: 'c2' }),
  'a cancellation': (handle) => handle.cancel(),
};

function start({ env, taskQueue }: WorkflowHarness, view: ClusterView) {
  return env.client.workflow.start<typeof clusterCertificates>('clusterCertificates', {
    workflowId: clusterWorkflowId(view.identity),
    taskQueue,
    args: [{ cluster: view, patches: givenPatches() }],
    memo: clusterMemo(view),
    workflowTaskTimeout: TASK_TIMEOUT_MS,
  });
}

function startedTasks({ events }: History): number {
  return (events ?? []).filter(({ workflowTaskStartedEventAttributes: of }) => of).length;
}

/** Holds the first evaluation of each cluster that has a gate. */
function holdFirst({ doubles }: WorkflowHarness, gates: ReadonlyMap<string, Gate>): void {
  doubles.before = async (activity, input) => {
    if (activity !== 'applyCertificateRequests') return;
    await gates.get((input as ApplyCertificateRequestsInput).cluster.uid)?.opened;
  };
}

async function replayErrors(histories: readonly { readonly workflowId: string; readonly history: History }[]) {
  installQuietRuntime();
  const errors: string[] = [];
  // In a thread, as a worker runs them.
  const code = { workflowBundle: workflowBundle(), debugMode: false };
  for await (const { workflowId, error } of TemporalWorker.runReplayHistories(code, histories))
    if (error !== undefined) errors.push(`${workflowId}: ${error.message.slice(0, 500)}`);
  return errors;
}

test('a task that its evaluation outlasts is replayed, whatever arrived meanwhile', async () => {
  await withHarness(async (harness) => {
    const gates = new Map<string, Gate>();
    holdFirst(harness, gates);
    const run = async (send: (typeof MESSAGES)[string], index: number) => {
      // Clusters share the doubles' Secrets, by the name of the bundle.
      const view = clusterView({ bundles: [bundleView(`bundle-${index}`)] });
      const gate = new Gate();
      gates.set(view.identity.uid, gate);
      const handle = await start(harness, view);
      try {
        await eventually(
          'the task is extended',
          async () => startedTasks(await handle.fetchHistory()),
          (count) => count > 1,
        );
        await send(handle, view);
        // It is in the history, before the result or, where the evaluation has timed out meanwhile, after it.
        await eventually(
          'the next task',
          async () => startedTasks(await handle.fetchHistory()),
          (count) => count > 2,
        );
      } finally {
        gate.open();
      }
      await harness.untilAsleep(view);
      // Of this run: the cluster may have continued as new.
      const { workflowId, firstExecutionRunId } = handle;
      const history = await harness.env.client.workflow.getHandle(workflowId, firstExecutionRunId).fetchHistory();
      expect(failedTasksIn(history)).toEqual([]);
      expect(workflowTasksOfLocalActivities(history)).toEqual([expect.any(Number)]);
      return { workflowId: handle.workflowId, history };
    };
    expect(await replayErrors(await Promise.all(Object.values(MESSAGES).map(run)))).toEqual([]);
  });
});

test('an evaluation in the first task that fails or hangs is repeated by an activity', async () => {
  await withHarness(async (harness) => {
    const [failing, hanging] = ['failing', 'hanging'].map((name) => clusterView({ bundles: [bundleView(name)] }));
    if (failing === undefined || hanging === undefined) throw new RangeError('two clusters');
    const { doubles } = harness;
    const held = new Gate();
    const seen = new Set<string>();
    doubles.before = async (activity, input) => {
      if (activity !== 'applyCertificateRequests') return;
      const { uid } = (input as ApplyCertificateRequestsInput).cluster;
      if (seen.has(uid)) return;
      seen.add(uid);
      if (uid === hanging.identity.uid) await held.opened;
      else throw activityFailure('kubernetes/ownedByOther', 'it is of another');
    };
    try {
      const histories = [failing, hanging].map(async (view) => {
        const handle = await harness.start(view);
        await untilReady(harness, view, view.bundles[0]?.name);
        await harness.untilAsleep(view);
        return { workflowId: handle.workflowId, history: await handle.fetchHistory() };
      });
      expect(await replayErrors(await Promise.all(histories))).toEqual([]);
    } finally {
      held.open();
    }
  });
});
