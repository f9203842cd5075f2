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
import { TimeLimit } from '../network/time-limit.ts';
import type { ListCertificatesInUse } from './list-certificates-in-use.ts';

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
  /** Certificates of this management cluster, which a lost Temporal has no issuances of. */
  readonly listInUse: ListCertificatesInUse;
  /** Name of the CA that these were ordered from, but for a few during its outages; undefined: it is not known. */
  readonly firstCa: () => Promise<string | undefined>;
  /** Makes this process run workflow tasks of budgets. Called before each request. */
  readonly startWorker: () => void;
  /** Receives that a budget starts with less than what was used. */
  readonly onWarning: (message: string) => void;
}

/**
 * Budgets by their workflows, each started with what visibility and the certificates in use show to be used: where these cannot
 * be read, no budget is started, since it would take its limits for unused. Of a fallback CA, only the latter count.
 */
export function createBudgetGateway(options: BudgetGatewayOptions): BudgetGateway {
  const { client, list, listInUse, firstCa, startWorker, onWarning } = options;
  const starts = new Map<string, Promise<void>>();
  const handleOf = (account: BudgetedAccount) =>
    client.workflow.getHandle<typeof caBudget>(caBudgetWorkflowId(account));
  const within = <Result>(request: () => Promise<Result>): Promise<Result> =>
    client.withDeadline(Date.now() + REQUEST_TIMEOUT_MS, request);

  async function start(account: BudgetedAccount, limits: WorkerLimits): Promise<void> {
    const used = await readUsed(account);
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

  async function readUsed(account: BudgetedAccount): Promise<UsedBefore> {
    return await TimeLimit.run(LISTING_TIMEOUT_MS, (signal) => readUsedWithin(signal, account));
  }

  async function readUsedWithin(signal: AbortSignal, account: BudgetedAccount): Promise<UsedBefore> {
    const { usedBefore } = await import('../issuance/used-before.ts');
    const since = Date.now() - LOOK_BACK_MS;
    const isFirst = !(await isOther(account));
    const found: CountedIssuance[] = [];
    const sets = new Set<string | undefined>();
    if (isFirst) {
      for await (const issuance of list(since, signal)) {
        sets.add(issuance.nameSet);
        if (found.push(issuance) >= MAX_LISTED) break;
      }
    }
    for await (const certificate of listInUse(since, signal)) {
      const isOfCa = certificate.caHost === account.caHost || (isFirst && certificate.caHost === undefined);
      // Of a set that visibility knows, it knows this one too.
      if (!isOfCa || sets.has(certificate.nameSet)) continue;
      if (found.push(certificate) >= MAX_LISTED) break;
    }
    if (found.length >= MAX_LISTED)
      onWarning(
        `The budget of ${account.caHost} starts with ${MAX_LISTED} certificates of the last week; where there are more, it allows too many orders until the CA refuses one.`,
      );
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
