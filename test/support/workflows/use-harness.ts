/** A Temporal server for a test file, and a harness on it for each of its tests. */
import type { PayloadCodec } from '@temporalio/common';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll } from 'vitest';
import { startEnvironment } from '../temporal/temporal-server.ts';
import { workflowBundle } from '../temporal/workflow-bundle.ts';
import { type WorkflowHarness, withWorkflowHarness } from './harness.ts';

export { untilReady, type WorkflowHarness } from './harness.ts';

export type WithHarness = (
  body: (harness: WorkflowHarness) => Promise<void>,
  payloadCodecs?: PayloadCodec[],
) => Promise<void>;

/**
 * For a test file: `const withHarness = useWorkflowHarness();` runs the body of a test with a worker on a task queue of its own.
 * The server is shared by the file.
 */
export function useWorkflowHarness(
  start: () => Promise<TestWorkflowEnvironment> = startEnvironment,
  maxConcurrentActivities?: number,
): WithHarness {
  let env: TestWorkflowEnvironment | undefined;
  beforeAll(async () => {
    env = await start();
  });
  afterAll(() => env?.teardown());
  return async (body, payloadCodecs) => {
    if (env === undefined) throw new Error('the harness exists only while tests run');
    await withWorkflowHarness(env, workflowBundle(), body, payloadCodecs, maxConcurrentActivities);
  };
}
