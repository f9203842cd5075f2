import { expect, test } from 'vitest';
import { MAX_ORDERS_IN_REQUEST, type ReserveRequest } from '../../../src/contract/ca-budget.ts';
import type { BudgetOrder } from '../../../src/rate-limit/budget-order.ts';
import { requireReserveRequest } from '../../../workflows/budget/reserve-request.ts';

const ORDER: BudgetOrder = { id: 'w#b', namespace: 'ns', nameSet: 's', urgency: 'new', domains: ['a'], names: ['b.a'] };
const LIMIT = { burst: 300, intervalMs: 36_000 };
const HOUR_MS = 3_600_000;

function refuses(change: object): boolean {
  const limits = { since: Date.now(), account: LIMIT, domainOverrides: [['a', LIMIT]], ...change };
  try {
    requireReserveRequest({ orders: [ORDER], limits, ...change } as unknown as ReserveRequest);
    return false;
  } catch (error) {
    expect(error).toMatchObject({ type: 'budget/malformed' });
    return true;
  }
}

test('a request of a worker that has just started, by a clock that is not exact', () => {
  expect(refuses({})).toBe(false);
  expect(refuses({ since: Date.now() + HOUR_MS / 2 })).toBe(false);
});

test.each<[string, object]>([
  ['limits that would hold against those of every later worker', { since: Date.now() + 2 * HOUR_MS }],
  ['no start', { since: Number.NaN }],
  ['an infinite limit', { account: { burst: 1, intervalMs: Number.POSITIVE_INFINITY } }],
  ['an interval of years', { account: { burst: 1, intervalMs: 1e12 } }],
  ['a limit that is none', { domain: 'many' }],
  ['overrides that are no list', { domainOverrides: 7 }],
  ['an override without a limit', { domainOverrides: [['a']] }],
  ['too many orders', { orders: Array.from({ length: MAX_ORDERS_IN_REQUEST + 1 }, () => ORDER) }],
  ['no limits', { limits: null }],
])('is refused with %s', (_what, change) => {
  expect(refuses(change)).toBe(true);
});
