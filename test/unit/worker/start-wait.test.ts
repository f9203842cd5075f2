/** What a start waits for, until when, and what ends it at once. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { CertmanError } from '../../../src/failures/failure.ts';
import { type StartDependency, StartWait } from '../../../src/worker/start-wait.ts';
import { TEST_TIMEOUT_MS } from '../../support/vitest/timeouts.ts';

const passing = (): undefined => undefined;

function dependency(lasting: StartDependency['lasting'] = passing): StartDependency {
  return {
    problem: 'Temporal at temporal:7233 is not reachable',
    waiting: 'waiting for Temporal',
    code: 'temporal/unreachable',
    remedy: 'Check that Temporal runs.',
    lasting,
  };
}

function startWait(limitMs = TEST_TIMEOUT_MS) {
  const stop = new AbortController();
  const log = vi.fn();
  const reasons: string[] = [];
  const onWaiting = (reason: string): void => void reasons.push(reason);
  const start = new StartWait({ limitMs, signal: stop.signal, logger: { warn: log }, onWaiting });
  return { start, stop, log, reasons };
}

/** Fails so often, then succeeds. */
function attempts(failures: number, error: Error = new Error('connection refused')) {
  let made = 0;
  return () => {
    made += 1;
    return made > failures ? Promise.resolve(made) : Promise.reject(error);
  };
}

test('a start waits for what comes back, and says in the log and to the probes what it waits for', async () => {
  const { start, log, reasons } = startWait();
  expect(await start.until(dependency(), attempts(1))).toBe(2);
  expect(reasons).toEqual(['Temporal at temporal:7233 is not reachable yet: connection refused']);
  expect(log).toHaveBeenCalledExactlyOnceWith(
    { attempt: 1, reason: 'connection refused', retry: expect.stringMatching(/^in \d+ ms$/) },
    'waiting for Temporal',
  );
});

test('of nested native errors, it says the innermost message, on one line', async () => {
  const { start, reasons } = startWait();
  const nested = new Error('ConnectError("tcp",\n Os { code: 111, message: "Connection\u001b refused" })');
  await start.until(dependency(), attempts(1, nested));
  expect(reasons[0]).toMatch(/ yet: Connection\\u001b refused$/);
});

test('a start ends at once with a failure that no attempt mends', async () => {
  const { start, log } = startWait();
  const lasting = new CertmanError({ code: 'configuration/invalid', message: 'The certificate is not accepted.' });
  const ended = start.until(
    dependency(() => lasting),
    attempts(1),
  );
  await expect(ended).rejects.toBe(lasting);
  expect(log).not.toHaveBeenCalled();
});

test.each([
  ['that fails', attempts(Number.POSITIVE_INFINITY), 'connection refused'],
  ['that never answers', () => Promise.withResolvers<never>().promise, 'it has not answered'],
])('after the limit, a start %s ends with what, where, why and what next', async (_what, attempt, why) => {
  const ended = startWait(1_000).start.until(dependency(), attempt);
  const error = await ended.catch((failure: unknown) => failure);
  expect(error).toBeInstanceOf(CertmanError);
  expect((error as CertmanError).info).toMatchObject({
    code: 'temporal/unreachable',
    message: `The worker ends: Temporal at temporal:7233 is not reachable, 1 second after it began to wait (CERTMAN_START_TIMEOUT): ${why}`,
    remedy: 'Check that Temporal runs. In a pod, the worker starts again by itself.',
  });
});

test('a worker that is stopped waits no longer', async () => {
  const { start, stop } = startWait();
  const waiting = start.until(dependency(), () => Promise.withResolvers<never>().promise);
  stop.abort(new Error('stopped'));
  await expect(waiting).rejects.toThrow('stopped');
});

test('what an attempt under way makes is not lost when the worker is stopped', async () => {
  const { start, stop } = startWait();
  const made = Promise.withResolvers<string>();
  const waiting = start.until({ ...dependency(), finishes: true }, () => made.promise);
  stop.abort(new Error('stopped'));
  await nextTurn();
  made.resolve('a worker');
  expect(await waiting).toBe('a worker');
});

test('an attempt that is not given up is repeated as any other', async () => {
  const { start } = startWait();
  expect(await start.until({ ...dependency(), finishes: true }, attempts(1))).toBe(2);
});

test('an attempt under way that fails once the worker is stopped is no failure of the worker', async () => {
  const { start, stop } = startWait();
  const made = Promise.withResolvers<string>();
  const waiting = start.until({ ...dependency(), finishes: true }, () => made.promise);
  stop.abort(new Error('stopped'));
  await nextTurn();
  made.reject(new Error('Temporal is away'));
  await expect(waiting).rejects.toThrow('stopped');
});

test('a worker that is stopped before an attempt makes none', async () => {
  const { start, stop } = startWait();
  stop.abort(new Error('stopped'));
  const attempt = vi.fn(async () => 'a worker');
  await expect(start.until({ ...dependency(), finishes: true }, attempt)).rejects.toThrow('stopped');
  expect(attempt).not.toHaveBeenCalled();
});
