import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../src/certificates/digest.ts';
import type { BudgetOrder } from '../../../src/rate-limit/budget-order.ts';
import { CaBudget } from '../../../src/rate-limit/ca-budget.ts';
import { type CaLimits, caLimitsOf } from '../../../src/rate-limit/ca-limits.ts';
import { HOUR_MS, WEEK_MS } from '../../../src/rate-limit/limits.ts';

const CA = 'acme-v02.api.letsencrypt.org';
const NOW = Date.parse('2026-12-01T12:00:00Z');
const MINUTE_MS = 60_000;

function limits(overrides?: Parameters<typeof caLimitsOf>[1]): CaLimits {
  const found = caLimitsOf(CA, overrides);
  if (found === undefined) throw new Error('no limits');
  return found;
}

function order(id: string, fields: Partial<BudgetOrder> = {}): BudgetOrder {
  return { id, namespace: id, urgency: 'new', domains: ['example.com'], nameSet: digestOf(id), names: [], ...fields };
}

/** A budget of which the domain example.com is used up: 49 of its 50, since one is never used. */
function usedUp(): CaBudget {
  const budget = new CaBudget(limits(), NOW);
  for (let index = 0; index < 49; index += 1) expect(budget.reserve(order(`first-${index}`), NOW).granted).toBe(true);
  return budget;
}

const INTERVAL_MS = WEEK_MS / 50;

describe('an order that waits', () => {
  test('gets the instant of the limit and its place', () => {
    const budget = usedUp();
    for (const position of [1, 2, 3]) {
      expect(budget.reserve(order(`${position}`), NOW)).toEqual({
        id: `${position}`,
        at: NOW + position * INTERVAL_MS,
        granted: false,
        queue: { position, of: position, scope: 'domain:example.com' },
      });
    }
    expect(budget.reserve(order('1'), NOW)).toMatchObject({ at: NOW + INTERVAL_MS, queue: { position: 1, of: 3 } });
  });

  test('is placed when it asks again at its instant, however late', () => {
    const budget = usedUp();
    const { at } = budget.reserve(order('one'), NOW);
    expect(budget.reserve(order('one'), at - 1)).toMatchObject({ at, granted: false });
    expect(budget.reserve(order('one'), at + HOUR_MS)).toMatchObject({ granted: true });
    expect(budget.waiting).toBe(0);
  });

  test('of another domain does not wait for it', () => {
    expect(usedUp().reserve(order('other', { domains: ['example.org'] }), NOW).granted).toBe(true);
  });

  test('moves others when it is more urgent, each of which is named once', () => {
    const budget = usedUp();
    for (const id of ['one', 'two']) budget.reserve(order(id), NOW);
    const renewal = budget.reserve(order('renewal', { urgency: 'renewal' }), NOW);
    expect(renewal).toMatchObject({ at: NOW + INTERVAL_MS, queue: { position: 1, of: 3 } });
    const moves = budget.takeMoves(NOW).map(({ id, at }) => [id, at]);
    expect(moves).toEqual([
      ['one', NOW + 2 * INTERVAL_MS],
      ['two', NOW + 3 * INTERVAL_MS],
    ]);
    expect(budget.takeMoves(NOW)).toEqual([]);
    expect(budget.reserve(order('expiring', { urgency: 'expiring' }), NOW).at).toBe(NOW + INTERVAL_MS);
  });

  test('comes earlier when one before it is not wanted any more', () => {
    const budget = usedUp();
    for (const id of ['one', 'two']) budget.reserve(order(id), NOW);
    budget.release('one');
    expect(budget.takeMoves(NOW)).toMatchObject([{ id: 'two', at: NOW + INTERVAL_MS }]);
  });

  test('does not lose its place when it does not come for hours, but not for ever', () => {
    const budget = usedUp();
    const { at } = budget.reserve(order('gone'), NOW);
    budget.prune(at + 5 * HOUR_MS);
    expect(budget.waiting).toBe(1);
    budget.prune(at + 7 * HOUR_MS);
    expect(budget.waiting).toBe(0);
  });
});

describe('turns', () => {
  test('a namespace with many orders does not hold up another', () => {
    const budget = usedUp();
    for (let index = 0; index < 30; index += 1) budget.reserve(order(`a-${index}`, { namespace: 'a' }), NOW);
    expect(budget.reserve(order('b-0', { namespace: 'b' }), NOW).at).toBe(NOW + 2 * INTERVAL_MS);
    expect(budget.reserve(order('b-1', { namespace: 'b' }), NOW).at).toBe(NOW + 4 * INTERVAL_MS);
    expect(budget.takeMoves(NOW)).toHaveLength(29);
  });

  test('a domain with many namespaces does not hold up another at the limit of the account', () => {
    const budget = new CaBudget(limits({ certificatesPerDomain: { 'example.com': 100_000 } }), NOW);
    for (let index = 0; index < 1_000; index += 1) budget.reserve(order(`c-${index}`), NOW);
    const { at } = budget.reserve(order('other', { domains: ['example.org'] }), NOW);
    // Less than a round of 50 after those that were placed, not after all 700 that wait.
    expect(at - NOW).toBeLessThan(60 * 36_000);
  });
});

describe('what the CA does not count', () => {
  test('renewals of the same set wait for neither account nor domain, those by ARI for nothing', () => {
    const budget = usedUp();
    const same = order('same', { exemption: 'sameSet', nameSet: 'x' });
    for (let index = 0; index < 5; index += 1) {
      expect(budget.reserve({ ...same, id: `same-${index}` }, NOW).granted).toBe(true);
    }
    expect(budget.reserve(same, NOW)).toMatchObject({ granted: false, queue: { scope: 'exactSet:x' } });
    expect(budget.reserve({ ...same, id: 'ari', exemption: 'ari' }, NOW).granted).toBe(true);
  });

  test('a CA without limits has no budget', () => {
    for (const host of ['localhost:14000', 'toString']) expect(caLimitsOf(host)).toBeUndefined();
  });

  test('an override of the account is for a week', () => {
    expect(limits({ ordersPerAccount: 100_000 }).account).toEqual({ burst: 100_000, intervalMs: 6_048 });
  });
});

describe('what is known of the CA', () => {
  test('a refusal until an instant holds every order of that limit', () => {
    const budget = new CaBudget(limits(), NOW);
    const refused = order('refused');
    expect(budget.reserve(refused, NOW).granted).toBe(true);
    const until = NOW + 10 * MINUTE_MS;
    budget.refused(refused, 'account', until, NOW);
    expect(budget.reserve(refused, NOW)).toMatchObject({ at: until, queue: { scope: 'account' } });
    expect(budget.reserve(order('next', { domains: ['example.org'] }), NOW).at).toBe(until + 36_000);
  });

  test('a refusal moves those that wait', () => {
    const budget = usedUp();
    const { at } = budget.reserve(order('one'), NOW);
    budget.refused(order('other'), 'domain', at + HOUR_MS, NOW);
    expect(budget.takeMoves(NOW)).toMatchObject([{ id: 'one', at: at + HOUR_MS }]);
  });

  test('certificates from before count', () => {
    const budget = new CaBudget(limits(), NOW);
    const yesterday = Array.from({ length: 48 }, () => NOW - 24 * HOUR_MS);
    budget.usedBefore('domain:example.com', yesterday, NOW);
    // One was left, and one every 3.36 hours came since.
    expect(budget.usage(NOW)).toMatchObject([{ scope: 'domain:example.com', burst: 49, left: 8 }]);
    const granted = Array.from({ length: 10 }, (_, index) => budget.reserve(order(`${index}`), NOW).granted);
    expect(granted.filter(Boolean)).toHaveLength(8);
  });

  test('names that the CA could not authorize five times wait for that', () => {
    const budget = new CaBudget(limits(), NOW);
    for (let time = 0; time < 5; time += 1) budget.failed('api.example.com', NOW);
    const bad = order('bad', { names: ['api.example.com'] });
    expect(budget.reserve(bad, NOW)).toMatchObject({ at: NOW + 12 * MINUTE_MS, granted: false });
    expect(budget.reserve(order('good', { names: ['api2.example.com'] }), NOW).granted).toBe(true);
    expect(budget.reserve(bad, NOW + 12 * MINUTE_MS).granted).toBe(true);
  });
});

test('a budget from the state of another goes on as it would have', () => {
  const budget = usedUp();
  for (const id of ['one', 'two', 'three']) budget.reserve(order(id, { namespace: 'a' }), NOW);
  const copy = new CaBudget(limits(), NOW, structuredClone(budget.toState(NOW)));
  for (const other of [budget, copy]) {
    expect(other.reserve(order('four', { namespace: 'b' }), NOW).at).toBe(NOW + 2 * INTERVAL_MS);
    expect(other.takeMoves(NOW).map(({ id }) => id)).toEqual(['two', 'three']);
  }
  expect(copy.toState(NOW)).toEqual(budget.toState(NOW));
});

test('the earlier instant of an order is announced when the CA has granted more', () => {
  const budget = usedUp();
  const { at } = budget.reserve(order('one'), NOW);
  const granted = new CaBudget(limits({ certificatesPerDomain: { 'example.com': 5_000 } }), NOW, budget.toState(NOW));
  const [move] = granted.takeMoves(NOW);
  expect(move?.at).toBeLessThan(at);
  expect(granted.takeMoves(NOW)).toEqual([]);
});

test('10,000 orders that wait have a state that fits into a payload', () => {
  const budget = new CaBudget(limits({ certificatesPerDomain: { 'example.com': 100_000 } }), NOW);
  const id = (index: number): string => `cluster/production/uhc-${index}/c-${index}/${'u'.repeat(36)}/api`;
  for (let index = 0; index < 10_500; index += 1) budget.reserve(order(id(index), { namespace: `uhc-${index}` }), NOW);
  expect(budget.waiting).toBeGreaterThan(10_000);
  expect(JSON.stringify(budget.toState(NOW)).length).toBeLessThan(2_000_000);
});

/** Temporal's limit of a payload is 2 MiB. */
const MAX_PAYLOAD = 2 * 1024 * 1024;

test('so do as many as fit of 10,500 that wait for a domain of their own each', () => {
  const budget = new CaBudget(limits(), NOW);
  for (let index = 0; index < 10_500; index += 1) {
    const id = `cluster/production/uhc-${index}/c-${index}/${'u'.repeat(36)}/api`;
    const domains = [`customer-of-ours-${index}.example`];
    budget.reserve(order(id, { namespace: `uhc-${index}`, domains, nameSet: `${index}`.padStart(32, '0') }), NOW);
  }
  expect(budget.waiting).toBeGreaterThan(5_000);
  expect(JSON.stringify(budget.toState(NOW)).length).toBeLessThan(MAX_PAYLOAD);
});

test('of 20,000 renewals, the state keeps the sets of names of which most is used, and the account', () => {
  const budget = new CaBudget(limits(), NOW);
  budget.reserve(order('new'), NOW);
  const renewal = (index: number) => ({ nameSet: `${index}`.padStart(32, '0'), exemption: 'sameSet' as const });
  for (let index = 0; index < 20_000; index += 1) budget.reserve(order(`one-${index}`, renewal(index)), NOW);
  const last = renewal(19_999);
  for (let time = 0; time < 4; time += 1) budget.reserve(order(`again-${time}`, last), NOW);
  const state = budget.toState(NOW);
  expect(JSON.stringify(state).length).toBeLessThan(350_000);
  expect(state.calendars.map(([scope]) => scope)).toContain('account');
  expect(new CaBudget(limits(), NOW, state).reserve(order('sixth', last), NOW).granted).toBe(false);
});

test('more orders than fit get the instant to ask again at, and are not kept', () => {
  const budget = new CaBudget(limits({ certificatesPerDomain: { 'example.com': 100_000 } }), NOW);
  const long = 'n'.repeat(250);
  for (let index = 0; index < 6_000; index += 1) budget.reserve(order(`${long}${index}`), NOW);
  const { at, granted } = budget.reserve(order('one more'), NOW);
  expect(granted).toBe(false);
  expect(at - NOW).toBeGreaterThan(12 * HOUR_MS);
  expect(JSON.stringify(budget.toState(NOW)).length).toBeLessThan(2_000_000);
  expect(budget.waiting).toBeLessThan(5_000);
});
