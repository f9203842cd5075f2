/** Lists of many workflows. The client's own list decodes everything of each, one by one, which holds up the event loop. */
import type { Client } from '@temporalio/client';
import { decodeMapFromPayloads } from '@temporalio/common/lib/internal-non-workflow/index.js';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import type { temporal } from '@temporalio/proto';
import type { ClusterIdentity } from '../clusters/cluster-identity.ts';
import { identityOfWorkflow } from '../contract/ids.ts';
import { withTolerantMemos } from '../payloads/data-converter.ts';

/** Of the server: https://docs.temporal.io/visibility. */
const PAGE_SIZE = 1_000;

/** Runs are visible some time after they start. */
const VISIBILITY_DELAY_MS = 10_000;

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
 * The pages of a list, and of one more of the runs that started since its first page: a list of several pages is no snapshot, and
 * a run that continues as new meanwhile goes from a later page to before the first one. A workflow can be there twice; the last
 * time counts. @throws as {@link workflowPages}.
 */
export async function* wholeWorkflowPages(
  client: Parameters<typeof workflowPages>[0],
  query: string,
  pageTimeoutMs: number,
): AsyncGenerator<readonly ListedExecution[]> {
  let pages = 0;
  let newestStart = 0;
  for await (const page of workflowPages(client, query, pageTimeoutMs)) {
    pages += 1;
    newestStart = Math.max(newestStart, startOf(page[0]));
    yield page;
  }
  if (pages <= 1) return;
  const since = new Date(newestStart - VISIBILITY_DELAY_MS).toISOString();
  yield* workflowPages(client, `${query} AND StartTime >= '${since}'`, pageTimeoutMs);
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
