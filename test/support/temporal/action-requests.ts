import { type Scrape, scrape } from '../e2e/prometheus.ts';

/** Requests that Temporal Cloud bills (https://docs.temporal.io/cloud/actions), but for heartbeats. */
const ACTION_REQUESTS = [
  'StartWorkflowExecution',
  'SignalWorkflowExecution',
  'SignalWithStartWorkflowExecution',
  'UpdateWorkflowExecution',
  'QueryWorkflow',
  // Timers, activities and attributes are commands of these.
  'RespondWorkflowTaskCompleted',
  'RespondActivityTaskCompleted',
  'RespondActivityTaskFailed',
] as const;

/** Requests that a Temporal server's frontend has served so far. */
export interface FrontendRequests {
  readonly actions: number;
  readonly heartbeats: number;
}

/** Counts by the metrics of the server. */
export async function frontendRequests(metricsUrl: string): Promise<FrontendRequests> {
  const metrics = await scrape(metricsUrl);
  return { actions: sumOf(metrics, ACTION_REQUESTS), heartbeats: sumOf(metrics, ['RecordActivityTaskHeartbeat']) };
}

function sumOf(metrics: Scrape, operations: readonly string[]): number {
  return operations
    .map((operation) => metrics.value('service_requests', { operation, service_name: 'frontend' }) ?? 0)
    .reduce((sum, one) => sum + one, 0);
}
