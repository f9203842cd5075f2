/** Workflow code for replay and upgrade tests, bundled as `npm run build` does it. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger, type WorkflowBundle } from '@temporalio/worker';
import { bundlerOptions, WORKFLOWS_PATH } from '../../../src/worker/workflow-code.ts';

const ENTRIES = {
  /** As they are in `workflows/`. */
  present: WORKFLOWS_PATH,
  /** With a change behind a marker. */
  next: fileURLToPath(new URL('./next-workflows.ts', import.meta.url)),
  /** With a change that lacks its marker. */
  incompatible: fileURLToPath(new URL('./incompatible-workflows.ts', import.meta.url)),
} as const;

/** A version of the workflow code. */
export type WorkflowVersion = keyof typeof ENTRIES;

/** Bundles one version. */
export async function bundleWorkflows(version: WorkflowVersion): Promise<WorkflowBundle> {
  return await bundleWorkflowCode({
    ...bundlerOptions(ENTRIES[version]),
    logger: new DefaultLogger('ERROR'),
  });
}

/** Writes a bundle into a folder, for `CERTMAN_WORKFLOW_BUNDLE`. @returns its path. */
export async function writeWorkflowBundle(version: WorkflowVersion, folder: string): Promise<string> {
  const path = join(folder, `${version}-workflows.js`);
  const { code } = await bundleWorkflows(version);
  await writeFile(path, code);
  return path;
}
