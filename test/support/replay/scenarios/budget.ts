/** The budget of a CA's account, and an order that it moves. */
import { nextAttemptOf } from '../../../../src/contract/bundle-record.ts';
import {
  budgetOrderId,
  type CaBudgetInput,
  caBudgetWorkflowId,
  orderRefused,
  ordersReleased,
  reserveOrders,
  type WorkerLimits,
} from '../../../../src/contract/ca-budget.ts';
import { clusterObserved, orderMoved, requestClaimed } from '../../../../src/contract/cluster-certificates.ts';
import type { BudgetOrder } from '../../../../src/rate-limit/budget-order.ts';
import { caBudget } from '../../../../workflows/ca-budget.ts';
import { eventually } from '../../vitest/eventually.ts';
import { clusterView } from '../../workflows/cluster-views.ts';
import {
  DAY_MS,
  type HistoryScenario,
  idOf,
  rejectNonRetryable,
  type ScenarioContext,
  startCluster,
  waitFor,
  waitForState,
  waitForStatus,
} from './scenario.ts';

const HOUR_MS = DAY_MS / 24;
const LIMITS: WorkerLimits = { domain: { burst: 2, intervalMs: HOUR_MS }, since: 1 };

function order(id: string, fields: Partial<BudgetOrder> = {}): BudgetOrder {
  return { id, namespace: id, urgency: 'new', domains: ['example.com'], nameSet: id, names: [], ...fields };
}

/** A cluster whose order waits until tomorrow for its turn at the CA. */
async function startWaitingForTurn(context: ScenarioContext) {
  const view = clusterView();
  const tomorrow = new Date(Date.now() + DAY_MS);
  context.doubles.override('placeOrder', () => rejectNonRetryable('rateLimit/newOrders', 'others first', tomorrow));
  const handle = await startCluster(context, view);
  await waitForState(context, view, 'Waiting');
  return { view, handle };
}

export const BUDGET: readonly HistoryScenario[] = [
  {
    name: 'order-moved',
    run: async (context) => {
      const { view, handle } = await startWaitingForTurn(context);
      const told = { bundleName: 'primary', message: 'Moved.', remedy: 'Wait.' };
      const later = new Date(Date.now() + 2 * DAY_MS).toISOString();
      await handle.signal(orderMoved, { ...told, at: later });
      await waitForStatus(context, view, 'moved', ({ bundles }) => {
        const record = bundles['primary'];
        return record !== undefined && nextAttemptOf(record) === later;
      });
      context.doubles.override('placeOrder', undefined);
      await handle.signal(orderMoved, { ...told, at: new Date().toISOString() });
      await waitForState(context, view, 'Ready');
      return [idOf(view)];
    },
  },
  {
    name: 'turn-given-up-by-move',
    run: async (context) => {
      const { view, handle } = await startWaitingForTurn(context);
      await handle.signal(clusterObserved, { ...view, relocation: 'outgoing' });
      await waitFor('released', () => context.doubles.countOf('releaseTurn') === 1);
      context.doubles.override('placeOrder', undefined);
      await handle.signal(clusterObserved, view);
      await waitForState(context, view, 'Ready');
      return [idOf(view)];
    },
  },
  {
    name: 'turn-given-up-by-pause',
    run: async (context) => {
      const { view, handle } = await startWaitingForTurn(context);
      await handle.signal(clusterObserved, { ...view, paused: true });
      await waitForState(context, view, 'Paused');
      context.doubles.override('placeOrder', undefined);
      await handle.signal(clusterObserved, view);
      await waitForState(context, view, 'Ready');
      return [idOf(view)];
    },
  },
  {
    name: 'turn-given-up-by-claim',
    run: async (context) => {
      const view = clusterView({
        identity: {
          managementCluster: 'hive',
          namespace: 'ns',
          name: 'web',
          uid: crypto.randomUUID(),
          kind: 'CertificateRequest',
        },
      });
      const tomorrow = new Date(Date.now() + DAY_MS);
      context.doubles.override('placeOrder', () => rejectNonRetryable('rateLimit/newOrders', 'others first', tomorrow));
      const handle = await startCluster(context, view);
      await waitForState(context, view, 'Waiting');
      await handle.signal(requestClaimed, { clusterDeployment: 'c1' });
      await handle.result();
      return [idOf(view)];
    },
  },
  {
    name: 'turn-released',
    run: async ({ client, taskQueue }) => {
      const account = { caHost: 'ca.test', accountUrl: 'https://ca.test/released' };
      const workflowId = caBudgetWorkflowId(account);
      const input: CaBudgetInput = { ...account, limits: LIMITS, used: [] };
      await client.workflow.start(caBudget, { workflowId, taskQueue, args: [input] });
      const budget = client.workflow.getHandle(workflowId);
      const reserve = (...orders: readonly BudgetOrder[]) =>
        budget.executeUpdate(reserveOrders, { args: [{ orders, limits: LIMITS }] });
      await reserve(order('one'), order('two'), order('given-up'), order('waits'));
      await budget.signal(ordersReleased, { ids: ['given-up'] });
      await reserve(order('waits'));
      await budget.terminate();
      return [workflowId];
    },
  },
  {
    name: 'ca-budget',
    continueAsNewAfter: 60,
    run: async ({ client, taskQueue, ...context }) => {
      const account = { caHost: 'ca.test', accountUrl: 'https://ca.test/account' };
      const workflowId = caBudgetWorkflowId(account);
      const input: CaBudgetInput = {
        ...account,
        limits: LIMITS,
        used: [['domain:example.com', [Date.now() - HOUR_MS]]],
      };
      const handle = await client.workflow.start(caBudget, { workflowId, taskQueue, args: [input] });
      const budget = client.workflow.getHandle(workflowId);
      const reserve = (...orders: readonly BudgetOrder[]) =>
        budget.executeUpdate(reserveOrders, { args: [{ orders, limits: LIMITS }] });
      // A cluster whose order waits gets a signal when it moves; that of another order is gone.
      const view = clusterView();
      const waiting = order(budgetOrderId(idOf(view), 'primary'));
      context.doubles.override('placeOrder', () =>
        rejectNonRetryable('rateLimit/newOrders', 'others first', new Date(Date.now() + DAY_MS)),
      );
      await startCluster({ client, taskQueue, ...context }, view);
      await waitForState({ client, taskQueue, ...context }, view, 'Waiting');
      await reserve(order('one'), order('two'), waiting, order('gone'));
      await reserve(order('urgent', { urgency: 'expiring' }));
      const until = new Date(Date.now() + 10 * HOUR_MS).toISOString();
      await budget.signal(orderRefused, { order: waiting, counted: 'domain', until });
      const first = handle.firstExecutionRunId;
      for (let index = 0; ; index += 1) {
        await reserve(order(`more-${index}`, { exemption: 'ari' }));
        if ((await budget.describe()).runId !== first) break;
      }
      await eventually(
        'an answer of the second run',
        () => reserve(waiting),
        (answers) => answers[0]?.granted === false,
      );
      return [workflowId, idOf(view)];
    },
  },
];
