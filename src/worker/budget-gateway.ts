import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { caBudget } from '../../workflows/ca-budget.ts';
import {
  authorizationsFailed,
  type BudgetedAccount,
  budgetStatus,
  caBudgetWorkflowId,
  orderRefused,
  ordersReleased,
  reserveOrders,
  SHARED_TASK_QUEUE,
  type UsedBefore,
  type WorkerLimits,
} from '../contract/ca-budget.ts';
import type { BudgetGateway } from '../issuance/order-budget.ts';
import type { CountedIssuance } from '../issuance/used-before.ts';

/** Of one request: with a worker that polls it takes milliseconds, on a busy machine seconds. */
const REQUEST_TIMEOUT_MS = 18_000;

/** What was issued in the longest period of a limit counts. */
const LOOK_BACK_MS = 7 * 24 * 3_600_000;

/** The listing of a fleet takes seconds. */
const LISTING_TIMEOUT_MS = 5 * 60_000;

/** More than any limit counts in a week, unless an override allows it. */
const MAX_LISTED = 40_000;

/** How the budgets are reached and started. */
export interface BudgetGatewayOptions {
  readonly client: Client;
  /** Issuances of all management clusters that completed since (epoch milliseconds). */
  readonly list: (closedSince: number, signal: AbortSignal) => AsyncIterable<CountedIssuance>;
  /** Name of the CA that these were ordered from, but for a few during its outages; undefined: it is not known. */
  readonly firstCa: () => Promise<string | undefined>;
  /** Makes this process run workflow tasks of budgets. Called before each request. */
  readonly startWorker: () => void;
}

/**
 * Budgets by their workflows, each started with what visibility knows to be used: where that cannot be read, no budget is
 * started, since it would take its limits for unused. That of a fallback CA starts with nothing used.
 */
export function createBudgetGateway({ client, list, firstCa, startWorker }: BudgetGatewayOptions): BudgetGateway {
  const starts = new Map<string, Promise<void>>();
  const handleOf = (account: BudgetedAccount) =>
    client.workflow.getHandle<typeof caBudget>(caBudgetWorkflowId(account));
  const within = <Result>(request: () => Promise<Result>): Promise<Result> =>
    client.withDeadline(Date.now() + REQUEST_TIMEOUT_MS, request);

  async function start(account: BudgetedAccount, limits: WorkerLimits): Promise<void> {
    const used = (await isOther(account)) ? [] : await readUsed();
    await within(() =>
      client.workflow.start<typeof caBudget>('caBudget', {
        workflowId: caBudgetWorkflowId(account),
        taskQueue: SHARED_TASK_QUEUE,
        args: [{ ...account, limits, used }],
        workflowIdConflictPolicy: 'USE_EXISTING',
        staticSummary: `Budget of ${account.caHost}`.slice(0, 200),
      }),
    );
  }

  /** Visibility knows no CA: at a fallback CA, what was ordered from the first one would count, and hold up the failover. */
  async function isOther({ caHost }: BudgetedAccount): Promise<boolean> {
    const first = await firstCa();
    return first !== undefined && first !== caHost;
  }

  async function readUsed(): Promise<UsedBefore> {
    const { usedBefore } = await import('../issuance/used-before.ts');
    const found: CountedIssuance[] = [];
    for await (const issuance of list(Date.now() - LOOK_BACK_MS, AbortSignal.timeout(LISTING_TIMEOUT_MS))) {
      found.push(issuance);
      if (found.length >= MAX_LISTED) break;
    }
    return usedBefore(found);
  }

  function startOnce(account: BudgetedAccount, limits: WorkerLimits): Promise<void> {
    const id = caBudgetWorkflowId(account);
    const known = starts.get(id);
    if (known !== undefined) return known;
    const started = start(account, limits).finally(() => starts.delete(id));
    starts.set(id, started);
    // The callers that wait for it may have given up.
    started.catch(() => undefined);
    return started;
  }

  return {
    async reserve(account, orders, limits) {
      startWorker();
      const update = () => within(() => handleOf(account).executeUpdate(reserveOrders, { args: [{ orders, limits }] }));
      try {
        return await update();
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      }
      await startOnce(account, limits);
      return await update();
    },
    orderRefused: (account, order, counted, until) =>
      within(() => handleOf(account).signal(orderRefused, { order, counted, until: until.toISOString() })),
    ordersReleased: (account, ids) => within(() => handleOf(account).signal(ordersReleased, { ids })),
    kinds: async (account) => (await within(() => handleOf(account).query(budgetStatus, { most: 0 }))).kinds ?? [],
    authorizationsFailed: (account, names) => within(() => handleOf(account).signal(authorizationsFailed, { names })),
  };
}
