/** Lists of many workflows. The client's own list decodes everything of each, one by one, which holds up the event loop. */
import type { Client } from '@temporalio/client';
import { decodeMapFromPayloads } from '@temporalio/common/lib/internal-non-workflow/index.js';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import type { temporal } from '@temporalio/proto';
import pLimit from 'p-limit';
import type { ClusterIdentity } from '../clusters/cluster-identity.ts';
import { identityOfWorkflow } from '../contract/ids.ts';
import { withTolerantMemos } from '../payloads/data-converter.ts';
import { describeIfKept } from './describe-workflow.ts';

/** Of the server: https://docs.temporal.io/visibility. */
const PAGE_SIZE = 1_000;

/** Runs are visible some time after they start. */
const VISIBILITY_DELAY_MS = 10_000;

/** Of a narrow query, the newest run can be old; the clock here may differ from the server's by as much. */
const MAX_LOOK_BACK_MS = 60_000;

const CONCURRENT_DESCRIPTIONS = 10;

/** A workflow of a list, as the server answers it. */
export type ListedExecution = temporal.api.workflow.v1.IWorkflowExecutionInfo;

/**
 * The pages of a list, each of which is asked for while the one before is read.
 * @param pageTimeoutMs for each page, not the whole list. @throws the client's error.
 */
export async function* workflowPages(
  client: Pick<Client, 'withDeadline' | 'workflowService' | 'options'>,
  query: string,
  pageTimeoutMs: number,
): AsyncGenerator<readonly ListedExecution[]> {
  const { namespace } = client.options;
  const ask = (nextPageToken: Uint8Array) =>
    client.withDeadline(Date.now() + pageTimeoutMs, () =>
      client.workflowService.listWorkflowExecutions({ namespace, query, pageSize: PAGE_SIZE, nextPageToken }),
    );
  let next = ask(new Uint8Array());
  for (;;) {
    const { executions, nextPageToken } = await next;
    const isLast = nextPageToken.length === 0;
    if (!isLast) next = ask(nextPageToken);
    // Its failure is thrown when it is awaited.
    next.catch(() => undefined);
    yield executions;
    if (isLast) return;
  }
}

/**
 * A condition of a query that each workflow fulfils by one of its runs: the one that ran at `at`. One that continues as new has
 * for a moment no run that visibility knows to be running, or two. @param at epoch milliseconds, some seconds ago.
 */
export function ranAt(at: number): string {
  const instant = `'${new Date(at).toISOString()}'`;
  const hasContinued = `(ExecutionStatus = 'ContinuedAsNew' AND CloseTime > ${instant})`;
  return `StartTime <= ${instant} AND (ExecutionStatus = 'Running' OR ${hasContinued})`;
}

/**
 * The workflows that run, in pages; one can be there twice, the last time counts. Where one continues as new meanwhile, a list
 * can be without it: of several pages, its new run goes from a later one to before the first; of any, visibility may know the end
 * of the former run before it knows the new one. So the runs that started since the first page are listed again, and those that
 * ended so and have no successor in the list are described.
 * @param query of the workflows, whether they run or not. @throws as {@link workflowPages}.
 */
export async function* runningWorkflowPages(
  client: Client,
  query: string,
  pageTimeoutMs: number,
): AsyncGenerator<readonly ListedExecution[]> {
  const running = `${query} AND ExecutionStatus = 'Running'`;
  const listed = new Set<string>();
  let pages = 0;
  let newestStart = 0;
  for await (const page of workflowPages(client, running, pageTimeoutMs)) {
    pages += 1;
    newestStart = Math.max(newestStart, startOf(page[0]));
    for (const execution of page) listed.add(idOf(execution));
    yield page;
  }
  const since = newestStart - VISIBILITY_DELAY_MS;
  if (pages > 1) {
    const started = `${running} AND StartTime >= '${new Date(since).toISOString()}'`;
    for await (const page of workflowPages(client, started, pageTimeoutMs)) {
      for (const execution of page) listed.add(idOf(execution));
      yield page;
    }
  }
  yield await successors(client, query, Math.max(since, Date.now() - MAX_LOOK_BACK_MS), listed, pageTimeoutMs);
}

/** The runs that visibility does not list yet, of workflows that have continued as new. @param since epoch milliseconds. */
async function successors(
  client: Client,
  query: string,
  since: number,
  listed: ReadonlySet<string>,
  pageTimeoutMs: number,
): Promise<readonly ListedExecution[]> {
  const continued = `${query} AND ExecutionStatus = 'ContinuedAsNew' AND CloseTime >= '${new Date(since).toISOString()}'`;
  const missing = new Set<string>();
  for await (const page of workflowPages(client, continued, pageTimeoutMs)) {
    for (const execution of page) if (!listed.has(idOf(execution))) missing.add(idOf(execution));
  }
  const tolerant = withTolerantMemos(client);
  const found = await pLimit(CONCURRENT_DESCRIPTIONS).map(missing, async (workflowId) => {
    const latest = await client.withDeadline(Date.now() + pageTimeoutMs, () =>
      describeIfKept(tolerant.workflow.getHandle(workflowId)),
    );
    return latest?.status.name === 'RUNNING' ? latest.raw.workflowExecutionInfo : undefined;
  });
  return found.filter((execution) => execution !== undefined && execution !== null);
}

function idOf({ execution }: ListedExecution): string {
  return execution?.workflowId ?? '';
}

/** Epoch milliseconds; 0 of none. The newest run is the first of a list. */
function startOf(execution: ListedExecution | undefined): number {
  return optionalTsToMs(execution?.startTime) ?? 0;
}

/** Decodes the memos of listed workflows, entry by entry; one that cannot be decoded is undefined. */
export class ListedMemos {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = withTolerantMemos(client);
  }

  /** The cluster of a workflow, by its id, and by its memo where a name is truncated in the id. */
  async identityOf(managementCluster: string, execution: ListedExecution): Promise<ClusterIdentity | undefined> {
    const workflowId = execution.execution?.workflowId ?? '';
    return (
      identityOfWorkflow(managementCluster, { workflowId }) ??
      identityOfWorkflow(managementCluster, { workflowId, memo: await this.entry(execution, 'name') })
    );
  }

  /** One entry of a memo, under its name. */
  async entry({ execution, memo }: ListedExecution, name: string): Promise<Readonly<Record<string, unknown>>> {
    const payload = memo?.fields?.[name];
    if (payload === undefined) return {};
    const { loadedDataConverter, namespace } = this.#client.options;
    const context = { type: 'workflow', namespace, workflowId: execution?.workflowId ?? '' } as const;
    return (await decodeMapFromPayloads(loadedDataConverter, { [name]: payload }, context)) ?? {};
  }
}
