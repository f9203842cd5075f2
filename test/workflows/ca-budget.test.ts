import { expect, test } from 'vitest';
import { nameSetDigest } from '../../src/certificates/digest.ts';
import {
  authorizationsFailed,
  type BudgetStatus,
  budgetOrderId,
  budgetStatus,
  type CaBudgetInput,
  caBudgetWorkflowId,
  orderRefused,
  ordersReleased,
  reserveOrders,
  type WorkerLimits,
} from '../../src/contract/ca-budget.ts';
import { accountLimitsOf } from '../../src/rate-limit/account-limits.ts';
import type { BudgetOrder } from '../../src/rate-limit/budget-order.ts';
import type { Reservation } from '../../src/rate-limit/ca-budget.ts';
import { caBudget } from '../../workflows/ca-budget.ts';
import { startEnvironment } from '../support/temporal/temporal-server.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const CA = 'acme-v02.api.letsencrypt.org';
const WEEK_MS = 7 * 24 * 3_600_000;
const INTERVAL_MS = WEEK_MS / 50;
const LIMITS: WorkerLimits = { ...accountLimitsOf(CA, []), since: 1 };
const withHarness = useWorkflowHarness(() => startEnvironment({ continueAsNewAfter: 120 }));

function order(name: string, fields: Partial<BudgetOrder> = {}): BudgetOrder {
  return {
    id: budgetOrderId(`cluster/test/ns/${name}/uid`, 'primary'),
    namespace: name,
    urgency: 'new',
    domains: ['example.com'],
    nameSet: nameSetDigest([name]),
    names: [],
    ...fields,
  };
}

/** An account's budget, terminated at the end of `body`. */
async function withBudget(
  { env, taskQueue }: WorkflowHarness,
  input: Partial<CaBudgetInput>,
  body: (budget: Budget) => Promise<void>,
): Promise<void> {
  const account = { caHost: CA, accountUrl: taskQueue };
  const handle = await env.client.workflow.start(caBudget, {
    workflowId: caBudgetWorkflowId(account),
    taskQueue,
    args: [{ ...account, limits: LIMITS, ...input }],
  });
  const reserveAll = (orders: readonly BudgetOrder[], limits = LIMITS) =>
    env.client.workflow.getHandle(handle.workflowId).executeUpdate(reserveOrders, { args: [{ orders, limits }] });
  const reserve = async (one: BudgetOrder, limits = LIMITS) => (await reserveAll([one], limits))[0] as Reservation;
  const status = (most = 10): Promise<BudgetStatus> =>
    env.client.workflow.getHandle(handle.workflowId).query(budgetStatus, { most });
  const signals = env.client.workflow.getHandle(handle.workflowId);
  try {
    await body({ reserve, reserveAll, status, signals, workflowId: handle.workflowId });
  } finally {
    await signals.terminate();
  }
}

interface Budget {
  readonly reserve: (one: BudgetOrder, limits?: WorkerLimits) => Promise<Reservation>;
  readonly reserveAll: (orders: readonly BudgetOrder[], limits?: WorkerLimits) => Promise<readonly Reservation[]>;
  readonly status: (most?: number) => Promise<BudgetStatus>;
  readonly signals: ReturnType<WorkflowHarness['env']['client']['workflow']['getHandle']>;
  readonly workflowId: string;
}

/** 49 of the 50 certificates of example.com: one is never planned with. */
async function useUp({ reserveAll }: Budget): Promise<void> {
  const granted = await reserveAll(Array.from({ length: 49 }, (_, index) => order(`first-${index}`)));
  expect(granted.every((one) => one.granted)).toBe(true);
}

test('gives instants, corrects them, and says what is left', () =>
  withHarness((harness) =>
    withBudget(harness, {}, async (budget) => {
      const { reserve, status, signals } = budget;
      await useUp(budget);
      const first = await reserve(order('one'));
      expect(first).toMatchObject({ granted: false, queue: { position: 1, of: 1, scope: 'domain:example.com' } });
      const second = await reserve(order('two'));
      expect(second.at - first.at).toBe(INTERVAL_MS);
      expect(await reserve(order('two'))).toEqual(second);
      const found = await status();
      expect(found).toMatchObject({ caHost: CA, waiting: 2 });
      expect(found.queue.map(({ id }) => id)).toEqual([order('one').id, order('two').id]);
      expect(found.usage[0]).toMatchObject({ scope: 'account', left: 294 - 49 });
      expect(found.usage[1]).toMatchObject({ scope: 'domain:example.com', left: 0, waiting: 2 });

      const until = new Date(first.at + 3_600_000).toISOString();
      await signals.signal(orderRefused, { order: order('two'), counted: 'domain', until });
      expect(await reserve(order('one'))).toMatchObject({ at: first.at + 3_600_000 });
      // Longer than any limit of a CA.
      const absurd = new Date(Date.now() + 400 * 24 * 3_600_000).toISOString();
      await signals.signal(orderRefused, { order: order('two'), counted: 'domain', until: absurd });
      expect(await reserve(order('one'))).toMatchObject({ at: first.at + 3_600_000 });

      for (let time = 0; time < 5; time += 1)
        await signals.signal(authorizationsFailed, { names: ['bad.example.org'] });
      const bad = order('bad', { domains: ['example.org'], names: ['bad.example.org'] });
      expect((await reserve(bad)).granted).toBe(false);
    }),
  ));

test('an order that is given up frees its turn for the next one', () =>
  withHarness((harness) =>
    withBudget(harness, {}, async (budget) => {
      const { reserve, status, signals } = budget;
      await useUp(budget);
      const first = await reserve(order('one'));
      await signals.signal(ordersReleased, { ids: [order('one').id, 'unknown'] });
      const next = await reserve(order('two'));
      expect(next).toMatchObject({ at: first.at, queue: { position: 1, of: 1 } });
      await signals.signal(ordersReleased, { ids: 'all' as unknown as string[] });
      expect((await status()).queue.map(({ id }) => id)).toEqual([order('two').id]);
    }),
  ));

test('begins with what was used before', () =>
  withHarness((harness) => {
    const used = Array.from({ length: 49 }, () => Date.now() - 1_000);
    return withBudget(harness, { used: [['domain:example.com', used]] }, async ({ reserve }) => {
      expect((await reserve(order('one'))).granted).toBe(false);
      expect((await reserve(order('other', { domains: ['example.org'] }))).granted).toBe(true);
    });
  }));

test('has the limits of the worker that started last', () =>
  withHarness((harness) =>
    withBudget(harness, {}, async (budget) => {
      const { reserve } = budget;
      await useUp(budget);
      const granted = { burst: 50, intervalMs: INTERVAL_MS / 2 };
      const higher: WorkerLimits = { ...LIMITS, domainOverrides: [['example.com', granted]], since: 2 };
      const { at } = await reserve(order('one'));
      const sooner = await reserve(order('one'), higher);
      expect(sooner.at).toBeLessThan(at);
      // An older worker changes nothing.
      expect(await reserve(order('one'))).toEqual(sooner);
    }),
  ));

test('refuses what is no request, and goes on', () =>
  withHarness((harness) =>
    withBudget(harness, {}, async ({ reserve, reserveAll }) => {
      const many = Array.from({ length: 101 }, (_, index) => order(`${index}`));
      await expect(reserveAll(many)).rejects.toThrow();
      await expect(reserve(order('one', { urgency: 'now' as 'new' }))).rejects.toThrow();
      await expect(reserve(order('one'), { ...LIMITS, account: { burst: 0, intervalMs: 1 } })).rejects.toThrow();
      expect((await reserve(order('one'))).granted).toBe(true);
    }),
  ));

test('continues as new with all that it knows, and loses no order meanwhile', () =>
  withHarness((harness) =>
    withBudget(harness, {}, async (budget) => {
      const { reserve, signals } = budget;
      await useUp(budget);
      const first = await reserve(order('one'));
      const { runId } = await signals.describe();
      const lanes = Array.from({ length: 4 }, async (_, lane) => {
        for (let time = 0; time < 20; time += 1) {
          const exempt = await reserve(order(`lane-${lane}`, { exemption: 'ari' }));
          expect(exempt.granted).toBe(true);
        }
      });
      await Promise.all(lanes);
      await eventually(
        'another run',
        () => signals.describe(),
        (now) => now.runId !== runId,
      );
      expect(await reserve(order('one'))).toEqual(first);
      expect((await reserve(order('two'))).at - first.at).toBe(INTERVAL_MS);
    }),
  ));
