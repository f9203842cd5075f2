/** The workflow code as workers run it, bundled once for a whole test run. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleWorkflowCode } from '@temporalio/worker';
import { inject } from 'vitest';
import type { TestProject } from 'vitest/node';
import { PRELOADED, WORKFLOWS_PATH } from '../../src/worker/workflow-code.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Path of the bundle. */
    readonly workflowBundle: string;
  }
}

/** For a global set-up. @returns what removes it again. */
export async function provideWorkflowBundle(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'certman-bundle-'));
  const path = join(folder, 'workflow-bundle.js');
  await writeFile(path, await bundle(WORKFLOWS_PATH, PRELOADED));
  project.provide('workflowBundle', path);
  return () => rm(folder, { recursive: true, force: true });
}

/** For `Worker.create`, and by its path for `CERTMAN_WORKFLOW_BUNDLE`. */
export function workflowBundle(): { readonly codePath: string } {
  return { codePath: inject('workflowBundle') };
}

/** Without a word. @returns the code of the bundle. */
export async function bundle(workflowsPath: string, preloadModules: readonly string[] = []): Promise<string> {
  const { code } = await bundleWorkflowCode({ workflowsPath, preloadModules: [...preloadModules], logger: SILENT });
  return code;
}

const nothing = (): undefined => undefined;
const SILENT = { log: nothing, trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing };
