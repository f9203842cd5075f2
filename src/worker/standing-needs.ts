/**
 * What must be there in Temporal for as long as a worker runs: the search attributes, and the watch on the hub. Looked at
 * again now and then, because somebody may have terminated the one, or put an empty server in the place of the other.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { NativeConnection } from '@temporalio/worker';
import { TASK_QUEUE, watchWorkflowId } from '../../workflows/contract.ts';
import type { Logger } from '../observability/logging.ts';
import { registerSearchAttributes } from './namespace-setup.ts';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

/** Two requests each time. */
const LOOK_AGAIN_MS = 2 * 60_000;

/** Runs until `signal` is aborted. The search attributes have been registered by the caller once. */
export async function keepStandingNeeds(
  parts: {
    readonly client: Client;
    readonly connection: NativeConnection;
    readonly namespace: string;
    readonly hive: string;
    readonly logger: Logger;
  },
  signal: AbortSignal,
): Promise<void> {
  const { logger } = parts;
  let pause = FIRST_PAUSE_MS;
  let first = true;
  while (!signal.aborted) {
    try {
      if (!first) await registerSearchAttributes(parts.connection, parts.namespace, logger);
      await startWatch(parts.client, parts.hive);
      first = false;
      pause = FIRST_PAUSE_MS;
      await sleep(LOOK_AGAIN_MS, undefined, { signal });
    } catch (error) {
      if (signal.aborted) return;
      logger.warn(
        { error, workflowId: watchWorkflowId(parts.hive), again: `in ${pause} ms` },
        'the watch could not be started',
      );
      await sleep(pause, undefined, { signal }).catch(() => undefined);
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    }
  }
}

async function startWatch(client: Client, hive: string): Promise<void> {
  await client.workflow.start('managementClusterWatch', {
    workflowId: watchWorkflowId(hive),
    taskQueue: TASK_QUEUE,
    workflowIdConflictPolicy: 'USE_EXISTING',
    args: [{ hive }],
    staticSummary: `Watches the ClusterDeployments of ${hive}`,
  });
}
