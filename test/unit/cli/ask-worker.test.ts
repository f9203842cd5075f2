/** How long a command waits for a worker, and what it says meanwhile and in the end. */
import { ServiceError } from '@temporalio/client';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { askWorker } from '../../../src/cli/ask-worker.ts';
import { GRPC_STATUS } from '../../../src/temporal/grpc-status.ts';

vi.mock('node:timers/promises', async (original) => ({
  ...(await original<object>()),
  setTimeout: (ms: number) => vi.advanceTimersByTimeAsync(ms),
}));

const NO_POLLER = 'no poller seen for task queue recently, worker may be down';

let begin: number;
/** Of each attempt, seconds since the first began. */
let attempts: { readonly at: number; readonly end: number }[];
let notes: string;

const seconds = (at: number): number => (at - begin) / 1_000;

beforeEach(() => {
  vi.useFakeTimers();
  begin = Date.now();
  attempts = [];
  notes = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    notes += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** As grpc-js has them: https://grpc.io/docs/guides/status-codes/. */
function failed(code: number, details = ''): ServiceError {
  return new ServiceError('Failed to query Workflow', {
    cause: Object.assign(new Error('grpc'), { code, details, metadata: {} }),
  });
}

type Outcome = 'answer' | 'late' | Error;

/** @param outcomes of each attempt; the last one repeats. `late`: no answer until its deadline. */
const ask = (...outcomes: readonly Outcome[]): Promise<string> => askWithin(undefined, ...outcomes);

function askWithin(timeoutMs: number | undefined, ...outcomes: readonly Outcome[]): Promise<string> {
  let deadline = 0;
  const client = {
    withDeadline: <Result>(until: number | Date, call: () => Promise<Result>): Promise<Result> => {
      deadline = Number(until);
      attempts.push({ at: seconds(Date.now()), end: seconds(deadline) });
      return call();
    },
  };
  return askWorker(
    client,
    async () => {
      const outcome = outcomes[Math.min(attempts.length, outcomes.length) - 1] ?? 'late';
      if (outcome === 'answer') return 'answer';
      if (outcome !== 'late') throw outcome;
      await vi.advanceTimersByTimeAsync(deadline - Date.now());
      throw failed(GRPC_STATUS.DEADLINE_EXCEEDED);
    },
    timeoutMs,
  );
}

test('an answer within seconds needs no second attempt and no note', async () => {
  expect(await ask('answer')).toBe('answer');
  expect(attempts).toHaveLength(1);
  expect(notes).toBe('');
});

test('a worker that is slow is waited for, which is noted once', async () => {
  expect(await ask('late', 'late', 'answer')).toBe('answer');
  expect(attempts).toEqual([
    { at: 0, end: 10 },
    { at: 11, end: 31 },
    { at: 32, end: 60 },
  ]);
  expect(notes).toBe('No worker has answered yet; waiting up to a minute.\n');
});

test('one that never answers is given up after a minute, with what to do', async () => {
  await expect(ask('late')).rejects.toMatchObject({
    code: 'temporal/unreachable',
    message: 'No worker of this management cluster answers within a minute.',
    info: { remedy: expect.stringContaining('doctor') as string },
  });
  expect(seconds(Date.now())).toBe(60);
});

test('a caller with less time, as a check of the doctor, waits for no more, and says for how long', async () => {
  await expect(askWithin(8_000, 'late')).rejects.toMatchObject({
    message: 'No worker of this management cluster answers within 8 seconds.',
  });
  expect(seconds(Date.now())).toBe(8);
  expect(notes).toBe('No worker has answered yet; waiting up to 8 seconds.\n');
});

test('a workflow whose task has failed or timed out is asked again', async () => {
  const failing = failed(
    GRPC_STATUS.FAILED_PRECONDITION,
    'Unable to query workflow due to Workflow Task in failed state.',
  );
  expect(await ask(failing, failing, 'answer')).toBe('answer');
  attempts = [];
  begin = Date.now();
  await expect(ask(failing)).rejects.toMatchObject({
    message: 'The workflow cannot answer: Unable to query workflow due to Workflow Task in failed state.',
  });
  expect(attempts.length).toBeGreaterThan(30);
  expect(seconds(Date.now())).toBeLessThanOrEqual(60);
});

describe('is not asked again', () => {
  test.each([
    [GRPC_STATUS.FAILED_PRECONDITION, NO_POLLER, 'No worker of this management cluster answers.'],
    [GRPC_STATUS.UNAVAILABLE, '', 'Temporal does not respond.'],
    [8, 'namespace rate limit exceeded', 'Temporal refuses requests for now: namespace rate limit exceeded'],
  ])('after gRPC status %i (%s)', async (code, details, message) => {
    await expect(ask(failed(code, details))).rejects.toMatchObject({ code: 'temporal/unreachable', message });
    expect(attempts).toHaveLength(1);
  });

  test('after what is no outage, which is thrown as it is', async () => {
    const refused = failed(7, 'permission denied');
    await expect(ask(refused)).rejects.toBe(refused);
    expect(attempts).toHaveLength(1);
  });
});
