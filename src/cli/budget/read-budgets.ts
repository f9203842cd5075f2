import type { Client } from '@temporalio/client';
import { type BudgetStatus, budgetStatus } from '../../contract/ca-budget.ts';
import { listExecutions } from '../../controller/cluster-workflow-client.ts';
import { listCompletedIssuances } from '../../worker/list-completed-issuances.ts';
import { askWorker } from '../ask-worker.ts';
import { PAGE_TIMEOUT_MS } from '../cluster-workflow.ts';
import { isUnavailable } from '../temporal-client.ts';
import { type BusySet, readBusySets } from './read-sets.ts';

/** What to read. */
export interface BudgetSelection {
  /** Host of a CA. */
  readonly ca?: string | undefined;
  /** Only the limit of this registered domain, and the orders that wait for it. */
  readonly domain?: string | undefined;
  /** Limits, and orders that wait, of each account at most. */
  readonly rows: number;
}

/** A budget; without a status where no worker answers. */
export interface BudgetReport {
  readonly workflowId: string;
  readonly status?: BudgetStatus;
  readonly problem?: string;
}

/** The budgets that run in the Temporal namespace. */
export interface BudgetsReport {
  readonly budgets: readonly BudgetReport[];
  /** Sets of names with many certificates; absent: not asked for. */
  readonly sets?: readonly BusySet[];
  /** RFC 3339: `sets` counts only what was issued since then; absent: the whole of the last seven days. */
  readonly setsCountedSince?: string;
}

/**
 * Each page of a list of them has 20 seconds. All pages have as many times that, and no bound of their own: there is one budget for
 * each account at a CA, and so one page. @throws what Temporal answers to a list.
 */
export async function readBudgets(client: Client, selection: BudgetSelection): Promise<BudgetsReport> {
  const ids: string[] = [];
  const query = `WorkflowType = 'caBudget' AND ExecutionStatus = 'Running'`;
  for await (const { workflowId } of listExecutions(client, { query }, PAGE_TIMEOUT_MS)) ids.push(workflowId);
  const wanted = ids.filter((id) => selection.ca === undefined || id.startsWith(`budget/${selection.ca}/`)).sort();
  const budgets = await Promise.all(wanted.map((id) => readBudget(client, id, selection)));
  // They have no CA, and no domain of their own.
  const isAll = selection.ca === undefined && selection.domain === undefined;
  if (!isAll) return { budgets };
  const { sets, countedSince } = await readBusySets(listCompletedIssuances(client, undefined));
  return { budgets, sets, ...(countedSince !== undefined && { setsCountedSince: countedSince }) };
}

async function readBudget(
  client: Client,
  workflowId: string,
  { domain, rows }: BudgetSelection,
): Promise<BudgetReport> {
  try {
    const request = domain === undefined ? { most: rows } : { most: rows, scope: `domain:${domain}` };
    const query = () => client.workflow.getHandle(workflowId).query(budgetStatus, request);
    return { workflowId, status: await askWorker(client, query) };
  } catch (error) {
    if (!isUnavailable(error)) throw error;
    return {
      workflowId,
      problem: 'No worker of the task queue certman answers: orders are placed without the budget.',
    };
  }
}
