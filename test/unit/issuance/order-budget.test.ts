import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { AcmeClient } from '../../../src/acme/client.ts';
import { errorFromResponse } from '../../../src/acme/problems.ts';
import { nameSetDigest } from '../../../src/certificates/digest.ts';
import type { BundleRef } from '../../../src/contract/activities/bundle-ref.ts';
import { budgetOrderId } from '../../../src/contract/ca-budget.ts';
import { CertmanError } from '../../../src/failures/failure.ts';
import { budgetOrderOf } from '../../../src/issuance/budgeted-order.ts';
import { type BudgetGateway, OrderBudget, type OrderBudgetOptions } from '../../../src/issuance/order-budget.ts';
import { requireRegisteredDomains } from '../../../src/issuance/require-registered-domains.ts';
import type { BudgetOrder } from '../../../src/rate-limit/budget-order.ts';

const HOST = 'acme-v02.api.letsencrypt.org';
const CA = caAt(HOST);
const BUNDLE: BundleRef = {
  cluster: { managementCluster: 'hive', namespace: 'ns', name: 'c1', uid: 'u1' },
  bundleName: 'primary',
};
const NOW = Date.parse('2026-12-01T12:00:00Z');
const HOUR_MS = 3_600_000;

function caAt(host: string): AcmeClient {
  return { host, session: { account: { url: `https://${host}/acme/acct/1` } } } as unknown as AcmeClient;
}

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
});
afterEach(() => {
  vi.useRealTimers();
});

function order(name = 'api.c1.example.com', fields: Partial<BudgetOrder> = {}): BudgetOrder {
  const id = budgetOrderId('cluster/hive/ns/c1/u1', name);
  const domains = ['example.com'];
  return { id, namespace: 'ns', urgency: 'new', domains, nameSet: nameSetDigest([name]), names: [name], ...fields };
}

/** A budget whose gateway answers with `answer`. */
function budgetWith(answer: BudgetGateway['reserve'], more: Partial<OrderBudgetOptions> = {}) {
  const requests: BudgetOrder[][] = [];
  const refusals: unknown[] = [];
  const released: unknown[] = [];
  const outcomes: string[] = [];
  const warnings: string[] = [];
  const gateway: BudgetGateway = {
    reserve: (account, orders, limits) => {
      requests.push([...orders]);
      return answer(account, orders, limits);
    },
    orderRefused: async (_account, _order, counted, until) => {
      refusals.push([counted, until.toISOString()]);
      await Promise.resolve();
    },
    ordersReleased: async ({ caHost }, ids) => {
      released.push([caHost, ...ids]);
      await Promise.resolve();
    },
    authorizationsFailed: () => Promise.resolve(),
    kinds: () => Promise.resolve([]),
  };
  const budget = new OrderBudget({
    gateway,
    stated: [],
    onOutcome: (outcome) => outcomes.push(outcome),
    onWarning: (warning) => warnings.push(warning),
    ...more,
  });
  return { budget, requests, refusals, released, outcomes, warnings };
}

const granting: BudgetGateway['reserve'] = (_account, orders) =>
  Promise.resolve(orders.map(({ id }) => ({ id, at: Date.now(), granted: true })));

function queueing(at: number): BudgetGateway['reserve'] {
  return (_account, orders) =>
    Promise.resolve(
      orders.map(({ id }) => ({
        id,
        at,
        granted: false,
        queue: { position: 312, of: 900, scope: 'domain:example.com' },
      })),
    );
}

async function turnOf(asking: Promise<unknown>): Promise<CertmanError['info']> {
  try {
    await asking;
  } catch (error) {
    if (error instanceof CertmanError) return error.info;
    throw error;
  }
  throw new Error('it was admitted');
}

test('an order as the budget sees it', async () => {
  const input = { ...BUNDLE, dnsNames: ['api.C1.example.com', '*.apps.c1.example.co.uk'] };
  expect(await budgetOrderOf(input)).toMatchObject({
    id: 'cluster/hive/ns/c1/u1#primary',
    namespace: 'hive/ns',
    urgency: 'new',
    domains: ['example.co.uk', 'example.com'],
    names: ['api.c1.example.com', 'apps.c1.example.co.uk'],
    exemption: undefined,
  });
  expect(await budgetOrderOf({ ...input, renewal: true })).toMatchObject({ urgency: 'renewal', exemption: 'sameSet' });
  expect(await budgetOrderOf({ ...input, replaces: 'x.y' })).toMatchObject({
    urgency: 'renewal',
    exemption: undefined,
  });
  expect(await budgetOrderOf({ ...input, renewal: true, urgent: true })).toMatchObject({ urgency: 'expiring' });
  expect(await budgetOrderOf({ ...input, inUse: true })).toMatchObject({ urgency: 'renewal', exemption: undefined });
  const replacing = { ...input, replaces: 'x.y', renewal: true, inWindow: true } as const;
  expect(await budgetOrderOf(replacing)).toMatchObject({ exemption: 'ari' });
});

describe('a CA', () => {
  test('without limits has no budget, and is not asked', async () => {
    const { budget, requests } = budgetWith(granting);
    const other = caAt('localhost:14000');
    expect(await budget.orderFor(other, { ...BUNDLE, dnsNames: ['api.c1.example.com'] })).toBeUndefined();
    expect(requests).toEqual([]);
  });

  test('has those of the setting', () => {
    const limit = { burst: 3, intervalMs: 1_000 };
    const { budget } = budgetWith(granting, { stated: [{ ca: 'localhost:14000', of: 'orders', limit }] });
    expect(budget.limitsOf('localhost:14000')).toEqual({ account: limit, since: NOW });
    expect(budget.limitsOf(HOST)?.account?.burst).toBe(300);
  });

  test('counts below registered domains only', async () => {
    const limitOf = (domain: string) => [{ ca: HOST, of: { domain }, limit: { burst: 300, intervalMs: 1 } }];
    await requireRegisteredDomains(limitOf('example.com'));
    await expect(requireRegisteredDomains(limitOf('p1.example.com'))).rejects.toThrow(
      /p1\.example\.com, which is no registered domain.*example\.com/,
    );
  });
});

describe('an order that may be placed', () => {
  test('counts once, however often it fails before it is placed', async () => {
    const { budget, requests, outcomes } = budgetWith(granting);
    for (let time = 0; time < 3; time += 1) expect(await budget.admit(CA, order())).toBe('granted');
    expect(requests).toHaveLength(1);
    budget.placed(CA, order());
    await budget.admit(CA, order());
    expect(requests).toHaveLength(2);
    expect(outcomes).toEqual(['granted', 'granted']);
  });

  test('of other names is another order', async () => {
    const { budget, requests } = budgetWith(granting);
    await budget.admit(CA, order());
    await budget.admit(CA, { ...order(), nameSet: 'other' });
    expect(requests).toHaveLength(2);
  });
});

describe('an order that goes to another CA meanwhile', () => {
  const other = caAt('other.test');
  const stated = [{ ca: 'other.test', of: 'orders', limit: { burst: 3, intervalMs: 1_000 } }] as const;

  test('asks the budget of its account, whatever the first one granted', async () => {
    const asked: string[] = [];
    const { budget } = budgetWith(
      (account, orders, limits) => {
        asked.push(`${account.caHost} ${limits.account?.burst}`);
        return granting(account, orders, limits);
      },
      { stated },
    );
    await budget.admit(CA, order());
    await budget.admit(other, order());
    budget.placed(other, order());
    await budget.admit(CA, order());
    expect(asked).toEqual([`${HOST} 300`, 'other.test 3']);
  });

  test('asks it also while the first one does not answer', async () => {
    const { budget } = budgetWith(
      (account, orders, limits) =>
        account.caHost === HOST ? Promise.reject(new Error('no worker')) : granting(account, orders, limits),
      { stated },
    );
    expect(await budget.admit(CA, order())).toBe('unavailable');
    expect(await budget.admit(other, order())).toBe('granted');
  });
});

test('an order that is given up releases its turn, where the CA has limits', async () => {
  const { budget, released } = budgetWith(granting);
  await budget.release(CA, BUNDLE);
  await budget.release(caAt('localhost:14000'), BUNDLE);
  expect(released).toEqual([[HOST, 'cluster/hive/ns/c1/u1#primary']]);
});

test('orders that ask at once share a request', async () => {
  const { budget, requests } = budgetWith(granting);
  const names = Array.from({ length: 150 }, (_, index) => `api.c${index}.example.com`);
  await Promise.all(names.map((name) => budget.admit(CA, order(name))));
  expect(requests.map(({ length }) => length)).toEqual([1, 100, 49]);
});

describe('an order that waits', () => {
  test('gets its instant, its position and for what it waits', async () => {
    const at = NOW + 2 * HOUR_MS + 20 * 60_000;
    const { budget, outcomes } = budgetWith(queueing(at));
    const info = await turnOf(budget.admit(CA, order()));
    expect(info).toMatchObject({ code: 'rateLimit/newOrders', notBefore: new Date(at).toISOString() });
    expect(info.message).toContain('ordered at 2026-12-01T14:20:00Z, position 312 of 900 for example.com');
    expect(outcomes).toEqual(['queued']);
  });

  test('is held a week at most before it asks again, an urgent one six hours', async () => {
    const { budget } = budgetWith(queueing(NOW + 365 * 24 * HOUR_MS));
    const info = await turnOf(budget.admit(CA, order()));
    expect(info.notBefore).toBe(new Date(NOW + 7 * 24 * HOUR_MS).toISOString());
    expect(info.message).toContain('ordered at 2027-12-01T12:00:00Z');
    expect(info.remedy).toContain('asks again at 2026-12-08T12:00:00Z');
    const urgent = await turnOf(budget.admit(CA, order('urgent.example.com', { urgency: 'expiring' })));
    expect(urgent.notBefore).toBe(new Date(NOW + 6 * HOUR_MS).toISOString());
  });

  test('asks again when its certificate is nearer to its expiry', async () => {
    const { budget } = budgetWith(queueing(NOW + 5 * 24 * HOUR_MS));
    const near = new Date(NOW + 24 * HOUR_MS).toISOString();
    const info = await turnOf(budget.admit(CA, order(), undefined, near));
    expect(info.notBefore).toBe(near);
    expect(info.remedy).toContain('asks again at 2026-12-02T12:00:00Z');
    const passed = await turnOf(budget.admit(CA, order(), undefined, new Date(NOW).toISOString()));
    expect(passed.notBefore).toBe(new Date(NOW + 5 * 24 * HOUR_MS).toISOString());
  });

  test('and is urgent is placed at the instant that it got, whatever the budget says then', async () => {
    const { budget, outcomes } = budgetWith(queueing(NOW + 365 * 24 * HOUR_MS));
    const urgent = order('urgent.example.com', { urgency: 'expiring' });
    await turnOf(budget.admit(CA, urgent, NOW + 1));
    expect(await budget.admit(CA, urgent, NOW)).toBe('overdue');
    await turnOf(budget.admit(CA, order(), NOW));
    expect(outcomes).toEqual(['queued', 'overdue', 'queued']);
  });
});

describe('a budget that does not answer holds up nothing', () => {
  const answers: readonly (readonly [string, BudgetGateway['reserve']])[] = [
    ['fails', () => Promise.reject(new Error('no worker'))],
    ['answers with no list', () => Promise.resolve('granted')],
    ['answers for another order', () => Promise.resolve([{ id: 'other', at: NOW, granted: true }])],
    [
      'answers with a text for an instant',
      (_account, orders) => Promise.resolve(orders.map(({ id }) => ({ id, at: 'soon', granted: false }))),
    ],
    ['never answers', () => new Promise(() => undefined)],
  ];
  test.each(answers)('where it %s', async (_what, answer) => {
    const { budget, requests, outcomes, warnings } = budgetWith(answer);
    const asking = budget.admit(CA, order());
    await vi.advanceTimersByTimeAsync(20_000);
    expect(await asking).toBe('unavailable');
    expect(await budget.admit(CA, order('api.c2.example.com'))).toBe('unavailable');
    expect(requests).toHaveLength(1);
    expect(outcomes).toEqual(['unavailable', 'unavailable']);
    expect(warnings).toHaveLength(1);
  });

  test('and is asked again after half a minute', async () => {
    let answer: BudgetGateway['reserve'] = () => Promise.reject(new Error('no worker'));
    const { budget, warnings } = budgetWith((...request) => answer(...request));
    await budget.admit(CA, order());
    answer = granting;
    vi.setSystemTime(NOW + 30_001);
    expect(await budget.admit(CA, order())).toBe('granted');
    expect(warnings).toHaveLength(1);
  });
});

describe('a refusal of the CA', () => {
  function refusal(detail: string): unknown {
    const data = { type: 'urn:ietf:params:acme:error:rateLimited', detail };
    const answer = { status: 429, headers: { 'retry-after': '3600' }, data };
    return errorFromResponse(HOST, 'the new order', answer, new Date(NOW));
  }

  const until = new Date(NOW + HOUR_MS).toISOString();
  test.each([
    ['too many new orders (300) from this account in the last 3h0m0s, retry after x', 'account'],
    ['too many certificates (50) already issued for "example.com" in the last 168h0m0s, retry after x', 'domain'],
    ['too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s', 'exactSet'],
  ])('corrects the budget: %s', async (detail, counted) => {
    const at = NOW + 2 * HOUR_MS;
    const { budget, refusals } = budgetWith(queueing(at));
    const error = await budget.onRefused(CA, order(), refusal(detail));
    expect(refusals).toEqual([[counted, until]]);
    expect(error).toMatchObject({ code: 'rateLimit/newOrders', info: { notBefore: new Date(at).toISOString() } });
    expect((error as Error).message).toContain(detail.slice(0, 30));
  });

  test('by a limit that it does not count is thrown as it is', async () => {
    const { budget, refusals } = budgetWith(queueing(NOW + HOUR_MS));
    const busy = refusal('Service busy; retry later.');
    expect(await budget.onRefused(CA, order(), busy)).toBe(busy);
    expect(refusals).toEqual([]);
  });

  test('of an order that the budget would grant again waits for Retry-After', async () => {
    const { budget, requests } = budgetWith(granting);
    const refused = refusal('too many new orders (300) from this account in the last 3h0m0s');
    expect(await budget.onRefused(CA, order(), refused)).toBe(refused);
    await budget.admit(CA, order());
    expect(requests).toHaveLength(2);
  });
});
