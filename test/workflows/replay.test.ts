/**
 * Workflows outlive every build: what an earlier one recorded, this one must be able to go on with. The histories of
 * representative lives (test/support/recorded-lives.ts) are replayed against the code as it is now.
 */
import { fileURLToPath } from 'node:url';
import { Worker } from '@temporalio/worker';
import { beforeAll, expect, test } from 'vitest';
import { findWorkflowCode } from '../../src/worker/workflow-code.ts';
import { type RecordedHistory, recordedHistories } from '../support/histories.ts';
import { installQuietRuntime } from '../support/quiet-runtime.ts';
import { LIVES } from '../support/recorded-lives.ts';

const CHANGED = fileURLToPath(new URL('../support/changed-workflows.ts', import.meta.url));

let recorded: readonly RecordedHistory[];

beforeAll(async () => {
  // The change below is meant to be complained of; the test reads the complaints themselves.
  installQuietRuntime();
  recorded = await recordedHistories();
});

async function refused(code: Parameters<typeof Worker.runReplayHistories>[0]): Promise<ReadonlyMap<string, string>> {
  const problems = new Map<string, string>();
  for await (const { workflowId, error } of Worker.runReplayHistories(code, recorded)) {
    if (error !== undefined) problems.set(workflowId, error.message.slice(0, 500));
  }
  return problems;
}

test('every life is recorded, from its first event', () => {
  expect(new Set(recorded.map(({ name }) => name.split('.')[0]))).toEqual(new Set(LIVES.map(({ name }) => name)));
  for (const { name, history, workflowId } of recorded) {
    expect(history.events?.length, name).toBeGreaterThan(3);
    expect(workflowId, name).toMatch(/^(cluster|issue|watch)\//);
  }
});

test('every recorded history replays on the workflows as they are now', async () => {
  expect(await refused(findWorkflowCode(undefined))).toEqual(new Map());
});

test('a change that breaks with what was recorded is noticed, and only where it breaks', async () => {
  const problems = await refused({ workflowsPath: CHANGED });
  expect(problems.size).toBeGreaterThan(5);
  const issuances = recorded.filter(({ workflowId }) => workflowId.startsWith('issue/'));
  expect([...problems.keys()].filter((id) => !id.startsWith('issue/'))).toEqual([]);
  expect(new Set(problems.keys())).toEqual(new Set(issuances.map(({ workflowId }) => workflowId)));
  for (const problem of problems.values()) expect(problem).toMatch(/nondeterminism|Nondeterminism/i);
});

test('no history tells of the machine that recorded it', () => {
  const text = JSON.stringify(recorded.map(({ history }) => history));
  expect(text).not.toMatch(/stackTrace":"[^"]|file:\/\/|\/home\/|\/root\/|@[\w-]+"/);
});
