/** Workflow code as workers run it, bundled once for a whole test run. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';
import { inject } from 'vitest';
import type { TestProject } from 'vitest/node';
import { asciiCode } from '../../../src/worker/ascii-code.ts';
import { bundlerOptions, WORKFLOWS_PATH } from '../../../src/worker/workflow-code.ts';

const SOURCES = {
  workflows: WORKFLOWS_PATH,
  'recording-workflows': fileURLToPath(new URL('../controller/recording-workflows.ts', import.meta.url)),
  'forging-workflow': fileURLToPath(new URL('./forging-workflow.ts', import.meta.url)),
} as const;

export type BundleName = keyof typeof SOURCES;

declare module 'vitest' {
  interface ProvidedContext {
    /** Folder of a file each. */
    readonly workflowBundles: string;
  }
}

/** For a global set-up. @returns what removes them again. */
export async function provideBundles(project: TestProject, names: readonly BundleName[]): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'certman-bundles-'));
  for (const name of names) {
    const { code } = await bundleWorkflowCode({
      ...bundlerOptions(SOURCES[name]),
      logger: SILENT,
    });
    await writeFile(join(folder, `${name}.js`), asciiCode(code));
  }
  project.provide('workflowBundles', folder);
  return () => rm(folder, { recursive: true, force: true });
}

/** For `Worker.create`, and by its path for `CERTMAN_WORKFLOW_BUNDLE`. */
export function workflowBundle(name: BundleName = 'workflows'): { readonly codePath: string } {
  return { codePath: join(inject('workflowBundles'), `${name}.js`) };
}

const nothing = (): undefined => undefined;
const SILENT = { log: nothing, trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing };
