/**
 * Runs outlive every build: the present workflows must be able to continue what earlier ones recorded. Histories of
 * representative scenarios (test/support/replay/scenarios), of every shape that the workflows have had, are replayed.
 */
import type { WorkflowBundle, WorkflowBundleOption } from '@temporalio/worker';
import { beforeAll, describe, expect, test } from 'vitest';
import { FIRST_TASK, FULFILL_ORDER, givenPatches, PATCHES } from '../../src/contract/patches.ts';
import { TemporalWorker } from '../../src/worker/temporal-worker.ts';
import { loadEncodingWorkflowCode } from '../../src/worker/workflow-code.ts';
import { bundleWorkflows, type WorkflowVersion } from '../support/replay/bundle-workflows.ts';
import { NEWEST_SHAPE, type RecordedHistory, recordedHistories, SHAPES } from '../support/replay/recorded-histories.ts';
import { SCENARIOS } from '../support/replay/scenarios/index.ts';
import { patchesIn, withInput, workflowTasksOfLocalActivities } from '../support/temporal/history-events.ts';
import { installQuietRuntime } from '../support/temporal/quiet-runtime.ts';
import { workflowBundle } from '../support/temporal/workflow-bundle.ts';

const recorded = new Map<string, readonly RecordedHistory[]>();
const of = (shape: string): readonly RecordedHistory[] => recorded.get(shape) ?? [];

beforeAll(async () => {
  // Replay errors are expected below, and read by the tests.
  installQuietRuntime();
  for (const shape of SHAPES) recorded.set(shape, await recordedHistories(shape));
});

/** Replay errors by run id. In a thread of the workflows, as a worker replays them. */
async function replayErrors(
  bundle: WorkflowBundleOption,
  histories: readonly RecordedHistory[],
): Promise<ReadonlyMap<string, string>> {
  const code = { workflowBundle: bundle, debugMode: false };
  const errors = new Map<string, string>();
  for await (const { runId, error } of TemporalWorker.runReplayHistories(code, histories)) {
    if (error !== undefined) errors.set(runId, error.message.slice(0, 500));
  }
  return errors;
}

const bundles = new Map<WorkflowVersion, Promise<WorkflowBundle>>();

async function replayOn(version: WorkflowVersion, histories: readonly RecordedHistory[]) {
  const bundle = bundles.get(version) ?? bundleWorkflows(version);
  bundles.set(version, bundle);
  return await replayErrors(await bundle, histories);
}

/** Runs that a history names: children, and the run that it continues as. */
function successorsOf({ history }: RecordedHistory): readonly string[] {
  return (history.events ?? []).flatMap((event) =>
    [
      event.childWorkflowExecutionStartedEventAttributes?.workflowExecution?.runId ?? [],
      event.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? [],
    ].flat(),
  );
}

test('every scenario is recorded in the newest shape', () => {
  expect(SHAPES.at(-1)).toBe(NEWEST_SHAPE);
  const scenarios = new Set(of(NEWEST_SHAPE).map(({ scenario }) => scenario));
  expect(scenarios).toEqual(new Set(SCENARIOS.map(({ name }) => name)));
});

test('every history replays on the workflows of a worker that encrypts payloads', async () => {
  const { workflowBundle: encoding } = await loadEncodingWorkflowCode(workflowBundle().codePath);
  expect(await replayErrors(encoding, of(NEWEST_SHAPE))).toEqual(new Map());
});

describe.each([...SHAPES])('of the shape %s', (shape) => {
  test('every run of a scenario is recorded, from its first event', () => {
    const runs = new Set(of(shape).map(({ runId }) => runId));
    for (const one of of(shape)) {
      expect(one.history.events?.length, one.name).toBeGreaterThan(3);
      expect(one.workflowId, one.name).toMatch(/^(cluster|request|issue|watch|budget|campaign)\//);
      for (const successor of successorsOf(one)) expect(runs, one.name).toContain(successor);
    }
  });

  test('every history replays on the present workflows', async () => {
    expect(await replayErrors(workflowBundle(), of(shape))).toEqual(new Map());
  });

  test('an incompatible change fails the replay of the workflow that it is in, and of no other', async () => {
    const errors = await replayOn('incompatible', of(shape));
    const issuances = of(shape).filter(({ workflowId }) => workflowId.startsWith('issue/'));
    expect(issuances.length).toBeGreaterThan(5);
    expect(new Set(errors.keys())).toEqual(new Set(issuances.map(({ runId }) => runId)));
    for (const error of errors.values()) expect(error).toMatch(/nondeterminism/i);
  });

  test('a change behind a marker continues every history', async () => {
    expect(await replayOn('next', of(shape))).toEqual(new Map());
  });

  test('only the first workflow task of a cluster has a local activity', () => {
    for (const { name, history } of of(shape)) {
      if (workflowTasksOfLocalActivities(history).length === 0) continue;
      expect(workflowTasksOfLocalActivities(history), name).toEqual([1]);
      expect(patchesIn(history), name).toContain(FIRST_TASK);
    }
  });

  test('no history names the machine that recorded it', () => {
    const text = JSON.stringify(of(shape).map(({ history }) => history));
    expect(text).not.toMatch(/stackTrace":"[^"]|file:\/\/|\/home\/|\/root\/|@[\w-]+"/);
  });
});

test('a history of an earlier worker replays where the input has the patches that it has markers of', async () => {
  const marked = of('2026-11-in-first-task').flatMap(({ history, ...one }) => {
    const patches = givenPatches().filter((patch) => patchesIn(history).includes(patch));
    return patches.length === 0 ? [] : [{ ...one, patches, history: withInput(history, { patches }) }];
  });
  expect(new Set(marked.flatMap(({ patches }) => patches))).toEqual(new Set([FIRST_TASK, FULFILL_ORDER]));
  expect(await replayErrors(workflowBundle(), marked)).toEqual(new Map());
});

test('an order of an earlier worker, which has left out a patch of its input, replays', async () => {
  const orders = of('2026-11-patches-in-input').filter(({ workflowId }) => workflowId.startsWith('issue/'));
  const given = orders.map(({ history, ...one }) => ({
    ...one,
    history: withInput(history, { patches: givenPatches() }),
  }));
  expect(given.length).toBeGreaterThan(5);
  expect(await replayErrors(workflowBundle(), given)).toEqual(new Map());
});

test('the listed patches are those that the workflows of some shape ask for', () => {
  const recordings = SHAPES.flatMap(of);
  expect(new Set(recordings.flatMap(({ history }) => patchesIn(history)))).toEqual(new Set(PATCHES));
});

test('every order of the newest shape begins with its patch', () => {
  const orders = of(NEWEST_SHAPE).filter(({ workflowId }) => workflowId.startsWith('issue/'));
  expect(new Set(orders.map(({ history }) => patchesIn(history)[0]))).toEqual(new Set([FULFILL_ORDER]));
});
