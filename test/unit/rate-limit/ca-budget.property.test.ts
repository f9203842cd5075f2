import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { type BudgetOrder, URGENCIES } from '../../../src/rate-limit/budget-order.ts';
import { CaBudget } from '../../../src/rate-limit/ca-budget.ts';
import type { CaLimits } from '../../../src/rate-limit/ca-limits.ts';
import { LimitedCa } from '../../support/rate-limit/limited-ca.ts';

const MINUTE_MS = 60_000;

/** Small, so that every limit is met. */
const LIMITS: CaLimits = {
  account: { burst: 6, intervalMs: 2 * MINUTE_MS },
  domain: { burst: 3, intervalMs: 10 * MINUTE_MS },
  domainOverrides: new Map([['large.example', { burst: 50, intervalMs: MINUTE_MS }]]),
  exactSet: { burst: 2, intervalMs: 60 * MINUTE_MS },
  failedAuthorizations: { burst: 5, intervalMs: 12 * MINUTE_MS },
};

const DOMAINS = ['one.example', 'two.example', 'large.example'];

const order = fc.record({
  /** Until the one before. */
  afterMs: fc.constantFrom(0, 0, 0, 1_000, MINUTE_MS, 7 * MINUTE_MS, 5 * 60 * MINUTE_MS),
  namespace: fc.constantFrom('a', 'b', 'c'),
  urgency: fc.constantFrom(...URGENCIES, 'new', 'new'),
  domains: fc.subarray(DOMAINS, { minLength: 1 }),
  nameSet: fc.constantFrom('s1', 's2', 's3', 's4', 's5', 's6', 's7', 's8'),
  exemption: fc.constantFrom(undefined, undefined, undefined, 'sameSet', 'ari'),
  isWithdrawn: fc.constantFrom(false, false, false, false, true),
  restart: fc.constantFrom(false, false, false, true),
} as const);

interface Placed {
  readonly order: BudgetOrder;
  readonly asked: number;
  readonly at: number;
}

/**
 * Orders that ask, sleep until the announced instant, and ask again, as late as `lateMs` says.
 * @returns what was placed in order of time. @throws when an order does not get its turn.
 */
function run(
  orders: readonly (typeof order extends fc.Arbitrary<infer Order> ? Order : never)[],
  lateMs: (index: number) => number,
): readonly Placed[] {
  const placed: Placed[] = [];
  const asleep = new Map<string, { readonly order: BudgetOrder; readonly asked: number; until: number }>();
  let now = 1_000_000;
  let budget = new CaBudget(LIMITS, now);
  let events = 0;
  const ask = (one: BudgetOrder, asked: number): void => {
    const { at, granted } = budget.reserve(one, now);
    if (granted) {
      placed.push({ order: one, asked, at: now });
      asleep.delete(one.id);
      return;
    }
    expect(at).toBeGreaterThan(now);
    asleep.set(one.id, { order: one, asked, until: at });
  };
  const passTime = (end: number): void => {
    for (;;) {
      for (const { id, at } of budget.takeMoves(now)) {
        const sleeper = asleep.get(id);
        if (sleeper !== undefined) sleeper.until = at;
      }
      const next = [...asleep.values()].sort((one, other) => one.until - other.until)[0];
      if (next === undefined || next.until > end) break;
      events += 1;
      if (events > 20_000) throw new Error(`${next.order.id} does not get its turn`);
      now = Math.max(now, next.until + lateMs(events));
      ask(next.order, next.asked);
    }
    now = Math.max(now, end);
  };
  for (const [index, { afterMs, isWithdrawn, restart, ...rest }] of orders.entries()) {
    passTime(now + afterMs);
    if (restart) budget = new CaBudget(LIMITS, now, JSON.parse(JSON.stringify(budget.toState(now))));
    ask({ ...rest, id: `order-${index}`, names: [] }, now);
    if (isWithdrawn) {
      const [id] = asleep.keys();
      if (id !== undefined) budget.release(id);
      if (id !== undefined) asleep.delete(id);
    }
  }
  passTime(Number.MAX_SAFE_INTEGER / 2);
  expect(asleep.size).toBe(0);
  expect(budget.waiting).toBe(0);
  return placed;
}

test('never exceeds a limit, and every order gets its turn', () => {
  fc.assert(
    fc.property(
      fc.array(order, { maxLength: 80 }),
      fc.array(fc.nat(5_000), { minLength: 1, maxLength: 7 }),
      (orders, late) => {
        const ca = new LimitedCa(LIMITS);
        for (const one of run(orders, (index) => late[index % late.length] ?? 0)) {
          expect(ca.order(one.order, one.at)).toBeUndefined();
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('an order moves others only if they are less urgent, or of a namespace that had its turns', () => {
  fc.assert(
    fc.property(fc.array(order, { maxLength: 60 }), (orders) => {
      const budget = new CaBudget(LIMITS, 0);
      const asked = new Map<string, BudgetOrder>();
      for (const [index, { namespace, urgency, domains, nameSet, exemption }] of orders.entries()) {
        const one: BudgetOrder = { id: `${index}`, namespace, urgency, domains, nameSet, exemption, names: [] };
        asked.set(one.id, one);
        budget.reserve(one, 0);
        for (const { id } of budget.takeMoves(0)) {
          const moved = asked.get(id) as BudgetOrder;
          const later = URGENCIES.indexOf(moved.urgency) - URGENCIES.indexOf(urgency);
          expect(later).toBeGreaterThanOrEqual(0);
          if (later > 0) continue;
          const before = orders.slice(0, Number(id)).filter((other) => other.namespace === moved.namespace);
          expect(before.length).toBeGreaterThan(0);
        }
        expect(budget.takeMoves(0)).toEqual([]);
      }
    }),
    { numRuns: 200 },
  );
});

test('the instants of orders that are as urgent, each of a namespace of its own, never move', () => {
  fc.assert(
    fc.property(fc.array(order, { maxLength: 60 }), (orders) => {
      const budget = new CaBudget(LIMITS, 0);
      const promised = orders.map(({ domains, nameSet, exemption }, index) => {
        const one: BudgetOrder = {
          id: `${index}`,
          namespace: `${index}`,
          urgency: 'new',
          domains,
          nameSet,
          exemption,
          names: [],
        };
        return { one, ...budget.reserve(one, 0) };
      });
      expect(budget.takeMoves(0)).toEqual([]);
      for (const { one, at } of promised.filter(({ granted }) => !granted).sort((left, right) => left.at - right.at)) {
        expect(budget.reserve(one, at)).toMatchObject({ granted: true });
      }
    }),
    { numRuns: 200 },
  );
});
