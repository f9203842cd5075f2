/**
 * Workflows outlive every build: what an earlier one recorded, this one must be able to go on with. The histories of
 * representative lives (test/support/replay/scenarios), of every shape that the workflows have had, are replayed against the code as it
 * is now.
 */
import { fileURLToPath } from 'node:url';
import { Worker } from '@temporalio/worker';
import { beforeAll, describe, expect, test } from 'vitest';
import { PATCHES } from '../../src/contract/patches.ts';
import { findWorkflowCode } from '../../src/worker/workflow-code.ts';
import { previousWorkflowCode } from '../support/replay/previous-workflows.ts';
import { type RecordedHistory, recordedHistories } from '../support/replay/recorded-histories.ts';
import { scenariosOf } from '../support/replay/recorded-scenarios.ts';
import { EARLIER_SHAPES, NEWEST_SHAPE, SHAPES, type Shape } from '../support/replay/shapes.ts';
import { patchesIn } from '../support/temporal/history-events.ts';
import { installQuietRuntime } from '../support/temporal/quiet-runtime.ts';

const CHANGED = fileURLToPath(new URL('../support/replay/changed-workflows.ts', import.meta.url));

const recorded = new Map<Shape, readonly RecordedHistory[]>();
const of = (shape: Shape): readonly RecordedHistory[] => recorded.get(shape) ?? [];

beforeAll(async () => {
  // The change below is meant to be complained of; the test reads the complaints themselves.
  installQuietRuntime();
  for (const shape of SHAPES) recorded.set(shape, await recordedHistories(shape));
});

/** What replaying complains of, by the run's id. */
async function refused(
  code: Parameters<typeof Worker.runReplayHistories>[0],
  histories: readonly RecordedHistory[],
): Promise<ReadonlyMap<string, string>> {
  const problems = new Map<string, string>();
  for await (const { runId, error } of Worker.runReplayHistories(code, histories)) {
    if (error !== undefined) problems.set(runId, error.message.slice(0, 500));
  }
  return problems;
}

/** Runs that a history speaks of and that belong to the same life: children, and the run that went on after it. */
function successorsOf({ history }: RecordedHistory): readonly string[] {
  return (history.events ?? []).flatMap((event) =>
    [
      event.childWorkflowExecutionStartedEventAttributes?.workflowExecution?.runId ?? [],
      event.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? [],
    ].flat(),
  );
}

describe.each(SHAPES)('of the shape %s', (shape) => {
  test('every life is recorded', () => {
    const lives = new Set(of(shape).map(({ life }) => life));
    expect(lives).toEqual(new Set(scenariosOf(shape).map(({ name }) => name)));
  });

  test('every run of a life is recorded, from its first event', () => {
    const runs = new Set(of(shape).map(({ runId }) => runId));
    for (const one of of(shape)) {
      expect(one.history.events?.length, one.name).toBeGreaterThan(3);
      expect(one.workflowId, one.name).toMatch(/^(cluster|request|issue|watch)\//);
      for (const successor of successorsOf(one)) expect(runs, one.name).toContain(successor);
    }
  });

  test('every history replays on the workflows as they are now', async () => {
    expect(await refused(findWorkflowCode(undefined), of(shape))).toEqual(new Map());
  });

  test('a change that breaks with what was recorded is noticed, and only where it breaks', async () => {
    const problems = await refused({ workflowsPath: CHANGED }, of(shape));
    const issuances = of(shape).filter(({ workflowId }) => workflowId.startsWith('issue/'));
    expect(issuances.length).toBeGreaterThan(5);
    expect(new Set(problems.keys())).toEqual(new Set(issuances.map(({ runId }) => runId)));
    for (const problem of problems.values()) expect(problem).toMatch(/nondeterminism/i);
  });

  test('no history tells of the machine that recorded it', () => {
    const text = JSON.stringify(of(shape).map(({ history }) => history));
    expect(text).not.toMatch(/stackTrace":"[^"]|file:\/\/|\/home\/|\/root\/|@[\w-]+"/);
  });
});

test('the patches that a worker can hold back are those that the workflows ask for', () => {
  expect(new Set(of(NEWEST_SHAPE).flatMap(({ history }) => patchesIn(history)))).toEqual(new Set(PATCHES));
});

describe('the workflow code of the version before, as the tests of upgrades run it,', () => {
  test('goes on with everything that earlier versions recorded', async () => {
    const code = { workflowBundle: await previousWorkflowCode() };
    for (const shape of EARLIER_SHAPES) expect(await refused(code, of(shape))).toEqual(new Map());
  });

  test('cannot go on with a cluster that the present version began', async () => {
    const clusters = of(NEWEST_SHAPE).filter(({ name }) => name.endsWith('.clusterCertificates'));
    const problems = await refused({ workflowBundle: await previousWorkflowCode() }, clusters);
    expect(new Set(problems.keys())).toEqual(new Set(clusters.map(({ runId }) => runId)));
    for (const problem of problems.values()) expect(problem).toMatch(/nondeterminism/i);
  });
});
