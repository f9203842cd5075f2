import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { WorkerOptions } from '@temporalio/worker';

/** The compiled code is in lib/, with the bundle of the same build. */
const COMPILED = import.meta.url.endsWith('.js');
const EXTENSION = COMPILED ? 'js' : 'ts';

function pathOf(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}

/** Entry point of the workflows, compiled or not. */
export const WORKFLOWS_PATH = pathOf(`../../workflows/index.${EXTENSION}`);

/** Loaded into the sandbox before the workflows. */
export const PRELOAD_MODULES: readonly string[] = [pathOf(`./disable-stack-traces.${EXTENSION}`)];

/** Where `npm run build` puts the bundle. */
export const BUNDLE_PATH = pathOf(COMPILED ? '../../workflow-bundle.js' : '../../lib/workflow-bundle.js');

/** CERTMAN_WORKFLOW_BUNDLE, else the bundle of this build. Sources never use the one in lib/: it can be out of date. */
export function findWorkflowCode(
  configured: string | undefined,
): Pick<WorkerOptions, 'workflowBundle' | 'workflowsPath' | 'bundlerOptions'> {
  if (configured !== undefined) return { workflowBundle: { codePath: configured } };
  if (COMPILED && existsSync(BUNDLE_PATH)) return { workflowBundle: { codePath: BUNDLE_PATH } };
  return { workflowsPath: WORKFLOWS_PATH, bundlerOptions: { preloadModules: [...PRELOAD_MODULES] } };
}
