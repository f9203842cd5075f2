import type { TestProject } from 'vitest/node';
import { executables } from '../../local/build/executables.ts';
import { provideWorkflowBundle } from './workflow-bundle.ts';

/** Builds what the tests would otherwise build within their time-outs. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  await executables(['temporal', 'temporal-test-server']);
  return await provideWorkflowBundle(project);
}
