/** Sees to it that the watch on the hub is running: started when it is not, left alone when it is. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { TASK_QUEUE, watchWorkflowId } from '../../workflows/contract.ts';
import type { Logger } from '../observability/logging.ts';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

/** Somebody may have terminated it: looked at again this often, one request each. */
const LOOK_AGAIN_MS = 10 * 60_000;

/** Runs until `signal` is aborted. */
export async function keepWatchStarted(
  client: Client,
  hive: string,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  let pause = FIRST_PAUSE_MS;
  while (!signal.aborted) {
    try {
      await startWatch(client, hive);
      pause = FIRST_PAUSE_MS;
      await sleep(LOOK_AGAIN_MS, undefined, { signal, ref: false });
    } catch (error) {
      if (signal.aborted) return;
      logger.warn(
        { error, workflowId: watchWorkflowId(hive), again: `in ${pause} ms` },
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
