import type { TestProject } from 'vitest/node';
import { executables } from '../../local/build/executables.ts';
import { provideBundles } from './workflow-bundle.ts';

/** Builds what the tests would otherwise build within their time-outs. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  await executables(['temporal', 'temporal-test-server']);
  return await provideBundles(project, ['workflows']);
}
