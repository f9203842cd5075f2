import { getEventListeners, once } from 'node:events';
import { expect, it } from 'vitest';
import { TimeLimit } from '../../../src/network/time-limit.ts';

const LONG_MS = 60_000;

it('is aborted after its time', async () => {
  const limit = new TimeLimit(1, new AbortController().signal);
  await once(limit.signal, 'abort');
  expect(limit.signal.reason).toMatchObject({ name: 'TimeoutError' });
  limit.end();
});

it.each(['before', 'after'])('is aborted with the other signal, for its reason: aborted %s it began', (when) => {
  const parent = new AbortController();
  const reason = new Error('the activity is cancelled');
  if (when === 'before') parent.abort(reason);
  const limit = new TimeLimit(LONG_MS, parent.signal);
  parent.abort(reason);
  expect(limit.signal.reason).toBe(reason);
  limit.end();
});

it('leaves nothing at the other signal when it has ended', () => {
  const parent = new AbortController();
  const limit = new TimeLimit(LONG_MS, parent.signal);
  expect(getEventListeners(parent.signal, 'abort')).toHaveLength(1);
  limit.end();
  expect(getEventListeners(parent.signal, 'abort')).toHaveLength(0);
  parent.abort();
  expect(limit.signal.aborted).toBe(false);
});

it.each([
  ['succeeds', () => Promise.resolve('done')],
  ['fails', () => Promise.reject(new Error('no'))],
])('of work that %s ends with it', async (_what, work) => {
  const parent = new AbortController();
  let given: AbortSignal | undefined;
  const ran = TimeLimit.run(
    LONG_MS,
    (signal) => {
      given = signal;
      return work();
    },
    parent.signal,
  );
  expect(getEventListeners(parent.signal, 'abort')).toHaveLength(1);
  await ran.catch(() => undefined);
  expect(getEventListeners(parent.signal, 'abort')).toHaveLength(0);
  parent.abort();
  expect(given?.aborted).toBe(false);
});
