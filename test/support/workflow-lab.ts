/** A Temporal server for a test file, and a lab on it for each of its tests. */
import type { PayloadCodec } from '@temporalio/common';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll } from 'vitest';
import { inLab, type Lab } from './lab.ts';
import { startEnvironment } from './temporal-server.ts';
import { workflowBundle } from './workflow-bundle.ts';

export { type Lab, untilReady } from './lab.ts';

export type WithLab = (body: (lab: Lab) => Promise<void>, payloadCodecs?: PayloadCodec[]) => Promise<void>;

/**
 * For a whole test file: `const withLab = useLab();` runs the body of a test beside a worker of its own on a queue of its
 * own. The server is the file's.
 */
export function useLab(start: () => Promise<TestWorkflowEnvironment> = startEnvironment): WithLab {
  let env: TestWorkflowEnvironment | undefined;
  beforeAll(async () => {
    env = await start();
  });
  afterAll(() => env?.teardown());
  return async (body, payloadCodecs) => {
    if (env === undefined) throw new Error('the lab is there only while tests run');
    await inLab(env, workflowBundle(), body, payloadCodecs);
  };
}
