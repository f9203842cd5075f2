import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { NativeConnection } from '@temporalio/worker';
import type { Configuration } from '../configuration/load-configuration.ts';
import { TASK_QUEUE, watchWorkflowId } from '../contract/ids.ts';
import type { Logger } from '../observability/logging.ts';
import { registerSearchAttributes } from './namespace-setup.ts';

const MIN_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 30_000;
/** Each check makes two requests. */
const CHECK_INTERVAL_MS = 2 * 60_000;

/** Keeps it running: a user can terminate the workflow, and a Temporal server can be replaced by an empty one. */
export async function ensureWatchWorkflow(
  client: Client,
  connection: NativeConnection,
  { managementCluster, temporal }: Configuration,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  const workflowId = watchWorkflowId(managementCluster);
  let backoff = MIN_BACKOFF_MS;
  let started = false;
  while (!signal.aborted) {
    try {
      // The caller has registered them before the first start.
      if (started) await registerSearchAttributes(connection, temporal.namespace, logger);
      await client.workflow.start('managementClusterWatch', {
        workflowId,
        taskQueue: TASK_QUEUE,
        workflowIdConflictPolicy: 'USE_EXISTING',
        args: [{ managementCluster }],
        staticSummary: `Watches the ClusterDeployments of ${managementCluster}`,
      });
      started = true;
      backoff = MIN_BACKOFF_MS;
      await sleep(CHECK_INTERVAL_MS, undefined, { signal });
    } catch (error) {
      if (signal.aborted) return;
      logger.warn({ error, workflowId, retry: `in ${backoff} ms` }, 'the watch workflow could not be started');
      await sleep(backoff, undefined, { signal }).catch(() => undefined);
      backoff = Math.min(backoff * 2, MAX_BACKOFF_MS);
    }
  }
}
