import { expect, test } from 'vitest';
import { BatchPace, batchWindowFor } from '../../../../src/dns/zone-changes/batch-pace.ts';
import type { TxtRequest } from '../../../../src/dns/zone-changes/change-batch.ts';

const WINDOW_MS = 4_000;
const AT = 1_000_000;

const request = (action: TxtRequest['action'], values = 1, length = 43): TxtRequest => ({
  action,
  records: Array.from({ length: values }, (_, n) => ({ name: `n${n}`, value: 'v'.repeat(length) })),
});
const PUBLISH = request('publish');
const WITHDRAW = request('withdraw');

/** A zone to which so many publications were sent at `AT`. */
function after(requests: number, windowMs = WINDOW_MS): BatchPace {
  const pace = new BatchPace(windowMs);
  for (let n = 0; n < requests; n++) pace.add(PUBLISH, AT);
  for (let n = 0; n < requests; n++) pace.remove(PUBLISH);
  pace.sending(AT);
  return pace;
}

/** How long after the last change the next one is sent. */
function spacing(pace: BatchPace, next: TxtRequest): number {
  pace.add(next, AT + 1);
  return pace.dueAt(AT + 1) - AT;
}

test('a zone that was not changed lately is changed at once', () => {
  const pace = new BatchPace(WINDOW_MS);
  pace.add(PUBLISH, AT);
  expect(pace.dueAt(AT)).toBe(AT + 100);
});

test.each([
  [1, PUBLISH, 101],
  [3, PUBLISH, 101],
  [4, PUBLISH, 200],
  [8, PUBLISH, 1_000],
  [8, WITHDRAW, 2_000],
  [20, PUBLISH, 3_400],
  [20, WITHDRAW, 4_000],
  [500, PUBLISH, 4_000],
  [500, WITHDRAW, 4_000],
])('after %i requests, the next change %o follows after %i ms', (requests, next, ms) => {
  expect(spacing(after(requests), next)).toBe(ms);
});

test('load is forgotten after ten seconds', () => {
  const pace = after(500);
  pace.add(PUBLISH, AT + 10_000);
  expect(pace.dueAt(AT + 10_000)).toBe(AT + 10_100);
});

test('a publication takes waiting withdrawals along', () => {
  const pace = after(8);
  pace.add(WITHDRAW, AT + 1);
  const alone = pace.dueAt(AT + 1);
  pace.add(PUBLISH, AT + 2);
  expect(pace.dueAt(AT + 2)).toBeLessThan(alone);
});

test('an aborted publication leaves withdrawals waiting', () => {
  const pace = after(8);
  pace.add(WITHDRAW, AT + 1);
  pace.add(PUBLISH, AT + 2);
  pace.remove(PUBLISH);
  expect(pace.dueAt(AT + 2)).toBe(AT + 2_400);
});

test.each([
  ['values', 1_000, 1],
  ['characters', 180, 180],
])('what fills a change by its %s is sent at once', (_, values, length) => {
  const pace = after(500);
  pace.add(request('publish', values - 5, length), AT + 1);
  expect(pace.dueAt(AT + 1)).toBe(AT + WINDOW_MS);
  pace.add(request('withdraw', 5, length), AT + 1);
  expect(pace.dueAt(AT + 1)).toBe(AT + 1);
});

test('without a window, nothing waits', () => {
  expect(spacing(after(500, 0), PUBLISH)).toBe(1);
});

test.each([
  [4_000, 5, 4_000],
  [4_000, 2, 4_000],
  [4_000, 50, 400],
  [1_000, 5, 1_000],
  [0, 5, 0],
])('a window of %i ms in an account that allows %d requests a second is one of %d ms', (maxMs, rate, ms) => {
  expect(batchWindowFor(maxMs, rate)).toBe(ms);
});
