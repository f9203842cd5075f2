import type { Client } from '@temporalio/client';
import { CertNameSet, CertNames, CertReason } from '../contract/search-attributes.ts';
import { listExecutions } from '../controller/cluster-workflow-client.ts';
import type { ListCompletedIssuances } from '../observability/issued-counts.ts';
import { withTolerantMemos } from '../payloads/data-converter.ts';

const PAGE_SIZE = 1_000;

/** A page that takes longer fails; the next listing asks for it again. */
const PAGE_TIMEOUT_MS = 60_000;

/** Lists those of a task queue, or of all, in Temporal's visibility store page by page, over the worker's own connection. */
export function listCompletedIssuances(
  client: Client,
  taskQueue: string | undefined,
  pageSize = PAGE_SIZE,
): ListCompletedIssuances {
  return async function* list(closedSince, signal) {
    const since = new Date(closedSince).toISOString();
    const ofQueue = taskQueue === undefined ? '' : `TaskQueue = '${taskQueue}' AND `;
    const query = `${ofQueue}WorkflowType = 'certificateIssuance' AND ExecutionStatus = 'Completed' AND CloseTime >= '${since}'`;
    for await (const execution of listExecutions(withTolerantMemos(client), { query, pageSize }, PAGE_TIMEOUT_MS)) {
      signal.throwIfAborted();
      if (execution.closeTime === undefined) continue;
      const attributes = execution.typedSearchAttributes;
      yield {
        runId: execution.runId,
        startTime: execution.startTime.getTime(),
        closeTime: execution.closeTime.getTime(),
        dnsNames: attributes.get(CertNames) ?? [],
        nameSet: attributes.get(CertNameSet),
        reason: attributes.get(CertReason),
      };
    }
  };
}
