/** A client that can write to the Temporal namespace, and to nothing else. */
import { randomUUID } from 'node:crypto';
import { WorkflowFailedError } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import type { Activities } from '../../../src/contract/activities.ts';
import { taskQueueOf } from '../../../src/contract/ids.ts';
import type { forgeActivity } from '../temporal/forging-workflow.ts';
import { installQuietRuntime } from '../temporal/quiet-runtime.ts';
import { workflowBundle } from '../temporal/workflow-bundle.ts';
import type { E2eHarness } from './harness.ts';

const TASK_QUEUE = 'forger';
const MANAGEMENT_CLUSTER = 'hive';

export interface Forger {
  /** Runs an activity of certman's workers, once. @returns its result; the type of its failure as an Error's message. */
  run<Name extends keyof Activities>(
    activity: Name,
    ...args: Parameters<Activities[Name]>
  ): Promise<Awaited<ReturnType<Activities[Name]>>>;
  stop(): Promise<void>;
}

export async function startForger(lab: E2eHarness): Promise<Forger> {
  installQuietRuntime();
  const { address, namespace } = lab.stack.temporal;
  const connection = await NativeConnection.connect({ address });
  const worker = await Worker.create({
    connection,
    namespace,
    taskQueue: TASK_QUEUE,
    workflowBundle: workflowBundle('forging-workflow'),
  });
  const running = worker.run();
  return {
    run: async (activity, ...args) => {
      try {
        return (await lab.client.workflow.execute<typeof forgeActivity>('forgeActivity', {
          taskQueue: TASK_QUEUE,
          // Activities run only for the workflow ids of their management cluster, which anyone can choose.
          workflowId: `issue/${MANAGEMENT_CLUSTER}/forged/${randomUUID()}`,
          args: [{ activity, args, taskQueue: taskQueueOf(MANAGEMENT_CLUSTER) }],
        })) as never;
      } catch (error) {
        throw new Error(failureTypeOf(error), { cause: error });
      }
    },
    stop: async () => {
      worker.shutdown();
      await running;
      await connection.close();
    },
  };
}

/** Type of the innermost failure: the `FailureCode`. */
export function failureTypeOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause !== undefined) return failureTypeOf(cause);
  if (error instanceof Error && 'type' in error && typeof error.type === 'string') return error.type;
  return error instanceof WorkflowFailedError ? error.message : String(error);
}
