/**
 * What must be there in Temporal for as long as a worker runs: the search attributes, and the watch on the hub. Looked at
 * again now and then, because somebody may have terminated the one, or put an empty server in the place of the other.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { NativeConnection } from '@temporalio/worker';
import { TASK_QUEUE, watchWorkflowId } from '../contract/ids.ts';
import type { Logger } from '../observability/logging.ts';
import { registerSearchAttributes } from './namespace-setup.ts';

const MIN_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 30_000;

/** Two requests each time. */
const RECHECK_INTERVAL_MS = 2 * 60_000;

/** Runs until `signal` is aborted. The search attributes have been registered by the caller once. */
export async function ensureWatchWorkflow(
  parts: {
    readonly client: Client;
    readonly connection: NativeConnection;
    readonly namespace: string;
    readonly managementCluster: string;
    readonly logger: Logger;
  },
  signal: AbortSignal,
): Promise<void> {
  const { logger } = parts;
  let pause = MIN_BACKOFF_MS;
  let first = true;
  while (!signal.aborted) {
    try {
      if (!first) await registerSearchAttributes(parts.connection, parts.namespace, logger);
      await startWatchWorkflow(parts.client, parts.managementCluster);
      first = false;
      pause = MIN_BACKOFF_MS;
      await sleep(RECHECK_INTERVAL_MS, undefined, { signal });
    } catch (error) {
      if (signal.aborted) return;
      logger.warn(
        { error, workflowId: watchWorkflowId(parts.managementCluster), again: `in ${pause} ms` },
        'the watch could not be started',
      );
      await sleep(pause, undefined, { signal }).catch(() => undefined);
      pause = Math.min(pause * 2, MAX_BACKOFF_MS);
    }
  }
}

async function startWatchWorkflow(client: Client, managementCluster: string): Promise<void> {
  await client.workflow.start('managementClusterWatch', {
    workflowId: watchWorkflowId(managementCluster),
    taskQueue: TASK_QUEUE,
    workflowIdConflictPolicy: 'USE_EXISTING',
    args: [{ managementCluster }],
    staticSummary: `Watches the ClusterDeployments of ${managementCluster}`,
  });
}
