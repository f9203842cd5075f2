/** What the histories of a workflow come to, run by run. */
import type { Client } from '@temporalio/client';
import { historyBytes } from './history-json.ts';

export interface RunStats {
  readonly events: number;
  readonly bytes: number;
  /** Causes of the workflow tasks that failed, as numbers of temporal.api.enums.v1.WorkflowTaskFailedCause. */
  readonly taskFailures: readonly number[];
  /** Size of what the run handed on when it continued as new; absent in the last one. */
  readonly carriedBytes?: number;
  /** The run that continues this one. */
  readonly next?: string;
}

/** @param runId the newest run when absent. */
export async function runStats(client: Client, workflowId: string, runId?: string): Promise<RunStats> {
  const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
  const events = history.events ?? [];
  const continued = events.at(-1)?.workflowExecutionContinuedAsNewEventAttributes;
  const figures = {
    events: events.length,
    bytes: historyBytes(history),
    taskFailures: events.flatMap(
      ({ workflowTaskFailedEventAttributes }) => workflowTaskFailedEventAttributes?.cause ?? [],
    ),
  };
  if (!continued?.newExecutionRunId) return figures;
  const payloads = continued.input?.payloads ?? [];
  const carriedBytes = payloads.reduce((sum, { data }) => sum + (data?.byteLength ?? 0), 0);
  return { ...figures, carriedBytes, next: continued.newExecutionRunId };
}

/** All runs of a workflow from the one given to the newest. */
export async function chainStats(client: Client, workflowId: string, firstRunId: string): Promise<RunStats[]> {
  const runs: RunStats[] = [];
  for (let runId: string | undefined = firstRunId; runId !== undefined; runId = runs.at(-1)?.next) {
    runs.push(await runStats(client, workflowId, runId));
  }
  return runs;
}
