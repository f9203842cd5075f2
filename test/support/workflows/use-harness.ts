/** A Temporal server for a test file, and a lab on it for each of its tests. */
import type { PayloadCodec } from '@temporalio/common';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll } from 'vitest';
import { startEnvironment } from '../temporal/temporal-server.ts';
import { workflowBundle } from '../temporal/workflow-bundle.ts';
import { type WorkflowHarness, withWorkflowHarness } from './harness.ts';

export { untilReady, type WorkflowHarness } from './harness.ts';

export type WithHarness = (
  body: (lab: WorkflowHarness) => Promise<void>,
  payloadCodecs?: PayloadCodec[],
) => Promise<void>;

/**
 * For a whole test file: `const withLab = useLab();` runs the body of a test beside a worker of its own on a queue of its
 * own. The server is the file's.
 */
export function useWorkflowHarness(start: () => Promise<TestWorkflowEnvironment> = startEnvironment): WithHarness {
  let env: TestWorkflowEnvironment | undefined;
  beforeAll(async () => {
    env = await start();
  });
  afterAll(() => env?.teardown());
  return async (body, payloadCodecs) => {
    if (env === undefined) throw new Error('the lab is there only while tests run');
    await withWorkflowHarness(env, workflowBundle(), body, payloadCodecs);
  };
}
