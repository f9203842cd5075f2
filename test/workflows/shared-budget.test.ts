/** Workers that share the budget of an account, on a real server: each has its own client, as in processes of their own. */
import type { Worker as Thread } from 'node:worker_threads';
import type { WorkerOptions } from '@temporalio/worker';
import { expect, test, vi } from 'vitest';
import type { AcmeClient } from '../../src/acme/client.ts';
import { nameSetDigest } from '../../src/certificates/digest.ts';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import type { PlaceOrderInput } from '../../src/contract/activities/acme.ts';
import { nextAttemptOf } from '../../src/contract/bundle-record.ts';
import { budgetOrderId, budgetStatus, caBudgetWorkflowId, SHARED_TASK_QUEUE } from '../../src/contract/ca-budget.ts';
import { CertmanError } from '../../src/failures/failure.ts';
import { OrderBudget } from '../../src/issuance/order-budget.ts';
import type { StatedLimit } from '../../src/rate-limit/account-limits.ts';
import type { BudgetOrder } from '../../src/rate-limit/budget-order.ts';
import { createBudgetGateway } from '../../src/worker/budget-gateway.ts';
import { listCompletedIssuances } from '../../src/worker/list-completed-issuances.ts';
import { TemporalWorker } from '../../src/worker/temporal-worker.ts';
import { workflowBundle } from '../support/temporal/workflow-bundle.ts';
import { eventually } from '../support/vitest/eventually.ts';
import { activityFailure } from '../support/workflows/activity-doubles.ts';
import { bundleView, clusterView } from '../support/workflows/cluster-views.ts';
import { untilReady, useWorkflowHarness, type WorkflowHarness } from '../support/workflows/use-harness.ts';

const withHarness = useWorkflowHarness();

const HOUR_MS = 3_600_000;
const CA_HOST = 'ca.test';

/** Three certificates of a domain at once, then one an hour. */
const THREE: StatedLimit = { ca: CA_HOST, of: 'certificates', limit: { burst: 3, intervalMs: HOUR_MS } };

/** An account of its own. */
function newAccount(): AcmeClient {
  return { host: CA_HOST, session: { account: { url: `https://${CA_HOST}/${crypto.randomUUID()}` } } } as AcmeClient;
}

function handleOf({ env }: WorkflowHarness, { host: caHost, session: { account } }: AcmeClient) {
  return env.client.workflow.getHandle(caBudgetWorkflowId({ caHost, accountUrl: account.url }));
}

/** The budget as one worker asks for it. */
function budgetOfWorker({ env }: WorkflowHarness, onOutcome: (outcome: string) => void = () => undefined): OrderBudget {
  const { client } = env;
  const list = listCompletedIssuances(client, undefined);
  const gateway = createBudgetGateway({
    client,
    list,
    listInUse: async function* none() {},
    firstCa: () => Promise.resolve(undefined),
    startWorker: () => undefined,
    onWarning: () => undefined,
  });
  return new OrderBudget({ gateway, stated: [THREE], onOutcome });
}

function sharedOptions({ nativeConnection: connection }: WorkflowHarness['env']): WorkerOptions {
  return { connection, taskQueue: SHARED_TASK_QUEUE, workflowBundle: workflowBundle(), shutdownGraceTime: '1 second' };
}

/** Runs the worker of the shared task queue meanwhile, in the thread of the other one, as in production. */
async function whileServed<Result>(
  { env, worker: other }: WorkflowHarness,
  body: () => Promise<Result>,
): Promise<Result> {
  const onThread = vi.fn();
  process.on('worker', onThread);
  const worker = await TemporalWorker.createBeside(other, sharedOptions(env));
  process.off('worker', onThread);
  expect(onThread).not.toHaveBeenCalled();
  return await worker.runUntil(body);
}

function order(name: string, fields: Partial<BudgetOrder> = {}): BudgetOrder {
  return {
    id: budgetOrderId(`cluster/hive/ns/${name}/${name}`, 'primary'),
    namespace: name,
    urgency: 'new',
    domains: ['example.com'],
    nameSet: nameSetDigest([name]),
    names: [],
    ...fields,
  };
}

/** The instant that an order got; undefined: it may be placed. */
async function turnOf(budget: OrderBudget, ca: AcmeClient, one: BudgetOrder): Promise<number | undefined> {
  try {
    expect(await budget.admit(ca, one)).toBe('granted');
    return undefined;
  } catch (error) {
    if (!(error instanceof CertmanError) || error.code !== 'rateLimit/newOrders') throw error;
    return Date.parse(error.info.notBefore ?? '');
  }
}

test('two workers share the limit, and what waits survives their restart', () =>
  withHarness(async (harness) => {
    const ca = newAccount();
    const names = Array.from({ length: 10 }, (_, index) => `c${index}`);
    const first = await whileServed(harness, () => {
      const workers = [budgetOfWorker(harness), budgetOfWorker(harness)] as const;
      return Promise.all(names.map((name, index) => turnOf(workers[index % 2 === 0 ? 0 : 1], ca, order(name))));
    });
    expect(first.filter((turn) => turn === undefined)).toHaveLength(3);
    const turns = first.filter((turn) => turn !== undefined).sort((one, other) => one - other);
    const steps = turns.slice(1).map((turn, index) => turn - (turns[index] ?? 0));
    expect(steps).toEqual(Array.from({ length: 6 }, () => HOUR_MS));
    const waiting = names[first.findIndex((turn) => turn !== undefined)] ?? '';
    const known = first[names.indexOf(waiting)];
    const again = await whileServed(harness, () => turnOf(budgetOfWorker(harness), ca, order(waiting)));
    expect(again).toBe(known);
    await handleOf(harness, ca).terminate();
  }));

test('without a worker that serves it, an order is placed after some seconds, and the next ones at once', () =>
  withHarness(async (harness) => {
    const ca = newAccount();
    const outcomes: string[] = [];
    const budget = budgetOfWorker(harness, (outcome) => outcomes.push(outcome));
    const started = performance.now();
    expect(await budget.admit(ca, order('one'))).toBe('unavailable');
    const first = performance.now() - started;
    expect(await budget.admit(ca, order('two'))).toBe('unavailable');
    expect(performance.now() - started - first).toBeLessThan(first);
    expect(outcomes).toEqual(['unavailable', 'unavailable']);
    await handleOf(harness, ca).terminate();
  }));

test('begins with the certificates that visibility knows, not with an unused limit', () =>
  withHarness(async (harness) => {
    const ca = newAccount();
    const views = ['a', 'b'].map((name) =>
      clusterView({ zoneName: 'seed.test', bundles: [bundleView('primary', `${name}.seed.test`)] }),
    );
    for (const view of views) {
      await harness.start(view);
      await untilReady(harness, view);
    }
    await eventually(
      'completed issuances in visibility',
      () => harness.env.client.workflow.count(`WorkflowType = 'certificateIssuance' AND ExecutionStatus = 'Completed'`),
      ({ count }) => count >= 2,
    );
    await whileServed(harness, async () => {
      const ofDomain = { domains: ['seed.test'] };
      expect(await turnOf(budgetOfWorker(harness), ca, order('c', ofDomain))).toBeUndefined();
      expect(await turnOf(budgetOfWorker(harness), ca, order('d', ofDomain))).toBeDefined();
      await handleOf(harness, ca).terminate();
    });
  }));

test('an urgent order moves the order of a cluster, whose status shows the new instant', () =>
  withHarness((harness) =>
    whileServed(harness, async () => {
      const ca = newAccount();
      const budget = budgetOfWorker(harness);
      for (const name of ['a', 'b', 'c']) await turnOf(budget, ca, order(name));
      const view = clusterView();
      harness.doubles.before = async (activity, input) => {
        if (activity !== 'placeOrder') return;
        const { cluster } = input as PlaceOrderInput;
        const id = budgetOrderId(`cluster/hive/${cluster.namespace}/${cluster.name}/${cluster.uid}`, 'primary');
        await admitAsActivity(budget, ca, order('waits', { id }));
      };
      await harness.start(view);
      const promised = await untilPromisedAfter(harness, view, 0);
      await turnOf(budgetOfWorker(harness), ca, order('urgent', { urgency: 'expiring' }));
      const moved = await untilPromisedAfter(harness, view, promised);
      expect(moved - promised).toBe(HOUR_MS);
      const { queue } = await handleOf(harness, ca).query(budgetStatus, { most: 10 });
      expect(queue.map(({ at }) => at)).toEqual([promised, moved]);
      const report = await eventually(
        'the report of the new instant',
        async () => harness.doubles.reports.findLast(({ conditions }) => conditions.length > 0),
        (last) => JSON.stringify(last).includes('position 2 of 2 for example.com'),
      );
      expect(JSON.stringify(report)).toContain(new Date(moved).toISOString().slice(0, 19));
      expect(harness.doubles.countOf('placeOrder')).toBe(1);
      await handleOf(harness, ca).terminate();
    }),
  ));

async function admitAsActivity(budget: OrderBudget, ca: AcmeClient, one: BudgetOrder): Promise<void> {
  try {
    await budget.admit(ca, one);
  } catch (error) {
    if (!(error instanceof CertmanError)) throw error;
    throw activityFailure(error.code, error.message, new Date(error.info.notBefore ?? ''));
  }
}

/** Waits until the cluster waits for an instant after this one. Epoch milliseconds. */
async function untilPromisedAfter(harness: WorkflowHarness, view: ClusterView, before: number): Promise<number> {
  const { bundles } = await eventually(
    `an instant after ${before}`,
    () => harness.status(view),
    (status) => {
      const record = status.bundles['primary'];
      return record !== undefined && Date.parse(nextAttemptOf(record) ?? '') > before;
    },
  );
  const record = bundles['primary'];
  return record === undefined ? 0 : Date.parse(nextAttemptOf(record) ?? '');
}

/** As while Temporal does not answer. */
class RefusedWorker extends TemporalWorker {
  protected static override readonly nativeWorkerCtor = {
    create: () => Promise.reject(new Error('the namespace does not answer')),
  } as unknown as (typeof TemporalWorker)['nativeWorkerCtor'];
}

// The last test: its certificate would count in the budgets of others.
test('a worker of budgets that cannot be created leaves the thread to the other one, with which it ends', async () => {
  const threads: Thread[] = [];
  const onThread = (thread: Thread): void => void threads.push(thread);
  process.on('worker', onThread);
  try {
    await withHarness(async (harness) => {
      const creating = RefusedWorker.createBeside(harness.worker, sharedOptions(harness.env));
      await expect(creating).rejects.toThrow('the namespace does not answer');
      const view = clusterView();
      await harness.start(view);
      await untilReady(harness, view);
    });
  } finally {
    process.off('worker', onThread);
  }
  expect(threads).toHaveLength(1);
  // As Node.js has it of a thread that has ended.
  expect(threads[0]?.threadId).toBe(-1);
});
