import { Registry } from 'prom-client';
import { beforeEach, expect, test, vi } from 'vitest';
import type { LimitKindUsage } from '../../../src/contract/ca-budget.ts';
import { BudgetGauges } from '../../../src/observability/budget-gauges.ts';

const ACCOUNT = { caHost: 'ca.test', accountUrl: 'https://ca.test/acct/1' };
const LABELS = 'ca="ca.test",account="https://ca.test/acct/1"';

beforeEach(() => {
  vi.useFakeTimers();
  return () => vi.useRealTimers();
});

/** @param answers of the budget, one for each query; the last one is repeated. */
function gaugesWith(...answers: readonly unknown[]) {
  const registry = new Registry();
  let queries = 0;
  const gauges = new BudgetGauges({
    registry,
    kinds: async () => {
      const answer = answers[Math.min(queries, answers.length - 1)];
      queries += 1;
      await Promise.resolve();
      if (answer instanceof Error) throw answer;
      return answer;
    },
  });
  const samples = async (): Promise<readonly string[]> =>
    (await registry.metrics()).split('\n').filter((line) => line.startsWith('certman_'));
  return { gauges, samples, queries: () => queries };
}

function usage(fields: Partial<LimitKindUsage> = {}): LimitKindUsage {
  return { kind: 'domain', waiting: 2, burst: 49, left: 10, intervalMs: 3_600_000, ...fields };
}

test('expose what waits, is left and allowed, of each kind of limit; between two queries, it grows as the limit says', async () => {
  const { gauges, samples } = gaugesWith([usage(), usage({ kind: 'account', waiting: 0, burst: 294, left: 294 })]);
  gauges.asked(ACCOUNT);
  expect(await samples()).toEqual([]);
  await vi.advanceTimersByTimeAsync(5_000);
  const found = await samples();
  expect(found).toHaveLength(6);
  expect(found).toContain(`certman_ca_budget_waiting_orders{${LABELS},limit="domain"} 2`);
  expect(found).toContain(`certman_ca_budget_left{${LABELS},limit="domain"} 10`);
  expect(found).toContain(`certman_ca_budget_limit{${LABELS},limit="domain"} 49`);
  gauges.close();
  expect(await samples()).toEqual([]);
});

test('query a budget while orders ask or wait, and never at rest', async () => {
  const { gauges, samples, queries } = gaugesWith([usage()], [usage()], [usage({ waiting: 0 })]);
  for (let count = 0; count < 100; count += 1) gauges.asked(ACCOUNT);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(queries()).toBe(1);
  await vi.advanceTimersByTimeAsync(24 * 3_600_000);
  expect(queries()).toBe(3);
  expect(await samples()).toContain(`certman_ca_budget_left{${LABELS},limit="domain"} 33`);
  await vi.advanceTimersByTimeAsync(24 * 3_600_000);
  expect(await samples()).toContain(`certman_ca_budget_left{${LABELS},limit="domain"} 49`);
  gauges.asked(ACCOUNT);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(queries()).toBe(4);
});

test.each([new Error('no worker'), 'many', [{ kind: 'domain', waiting: -1 }]])(
  'keep what they know when a budget answers with %s, and query it again',
  async (answer) => {
    const { gauges, samples, queries } = gaugesWith([usage({ waiting: 1 })], answer, [usage({ waiting: 0 })]);
    gauges.asked(ACCOUNT);
    await vi.advanceTimersByTimeAsync(65_000);
    expect(queries()).toBe(2);
    expect(await samples()).toContain(`certman_ca_budget_waiting_orders{${LABELS},limit="domain"} 1`);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await samples()).toContain(`certman_ca_budget_waiting_orders{${LABELS},limit="domain"} 0`);
  },
);
