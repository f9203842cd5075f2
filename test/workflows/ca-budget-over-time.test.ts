/** Days of a budget, on a server whose clock leaps. */
import { expect, test } from 'vitest';
import { budgetStatus, caBudgetWorkflowId, reserveOrders, type WorkerLimits } from '../../src/contract/ca-budget.ts';
import type { BudgetOrder } from '../../src/rate-limit/budget-order.ts';
import { caBudget } from '../../workflows/ca-budget.ts';
import { startTimeSkippingEnvironment } from '../support/temporal/temporal-server.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { useWorkflowHarness } from '../support/workflows/use-harness.ts';

const withHarness = useWorkflowHarness(startTimeSkippingEnvironment);

const DAY_MS = 24 * 3_600_000;
const LIMITS: WorkerLimits = { domain: { burst: 2, intervalMs: DAY_MS }, since: 1 };

function order(id: string): BudgetOrder {
  return { id, namespace: id, urgency: 'new', domains: ['example.com'], nameSet: id, names: [] };
}

test('places an order at its instant, days later, and drops one that does not come', () =>
  withHarness(async ({ env, taskQueue }) => {
    const account = { caHost: 'ca.test', accountUrl: taskQueue };
    const workflowId = caBudgetWorkflowId(account);
    await env.client.workflow.start(caBudget, { workflowId, taskQueue, args: [{ ...account, limits: LIMITS }] });
    const budget = env.client.workflow.getHandle(workflowId);
    const reserve = (...orders: readonly BudgetOrder[]) =>
      budget.executeUpdate(reserveOrders, { args: [{ orders, limits: LIMITS }] });
    try {
      const first = await reserve(...['a', 'b', 'c', 'd'].map(order));
      expect(first.map(({ granted }) => granted)).toEqual([true, true, false, false]);
      const [, , third, fourth] = first.map(({ at }) => at);
      expect((fourth ?? 0) - (third ?? 0)).toBe(DAY_MS);

      await env.sleep(DAY_MS + 1_000);
      const [again, other] = await reserve(order('c'), order('d'));
      expect(again?.granted).toBe(true);
      expect(other).toMatchObject({ granted: false, at: fourth });

      await env.sleep(2 * DAY_MS);
      await eventually(
        'nothing waits',
        () => budget.query(budgetStatus, { most: 10 }),
        ({ waiting }) => waiting === 0,
      );
      expect((await reserve(order('e')))[0]?.granted).toBe(true);
    } finally {
      await budget.terminate();
    }
  }));
