import type { TestProject } from 'vitest/node';
import { executables } from '../../../local/stack/build/executables.ts';
import { ALL_TOOLS } from '../../../local/stack/versions.ts';
import { provideBundles } from '../temporal/workflow-bundle.ts';

/** Makes every local part at once, so that the programs of a Go module are built by one call and within no test's time. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  await executables(ALL_TOOLS);
  return await provideBundles(project, ['workflows']);
}
