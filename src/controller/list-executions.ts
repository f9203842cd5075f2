/** Listing workflow executions page by page, each page with a time limit of its own: a large fleet is listed by a slow Temporal too. */
import type { Client, ListOptions, WorkflowExecutionInfo } from '@temporalio/client';

/**
 * @param pageLimitMs for one page, retries of the client's own included.
 * @throws the client's error when a page is not there in time.
 */
export async function* listExecutions(
  client: Pick<Client, 'withDeadline' | 'workflow'>,
  options: ListOptions,
  pageLimitMs: number,
): AsyncGenerator<WorkflowExecutionInfo> {
  const executions = client.workflow.list(options)[Symbol.asyncIterator]();
  for (;;) {
    // Only where a page ends is the server asked, by the deadline of that call.
    const next = await client.withDeadline(Date.now() + pageLimitMs, () => executions.next());
    if (next.done === true) return;
    yield next.value;
  }
}
