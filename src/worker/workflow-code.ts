import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** As `WorkerOptions` takes it. */
export type WorkflowCode =
  | { readonly workflowBundle: { readonly codePath: string } }
  | { readonly workflowsPath: string; readonly bundlerOptions: { preloadModules: string[] } };

/** The compiled code is in lib/, with the bundle of the same build. */
const COMPILED = import.meta.url.endsWith('.js');

/** Entry point of the workflows, compiled or not. */
export const WORKFLOWS_PATH = fileURLToPath(
  new URL(COMPILED ? '../../workflows/index.js' : '../../workflows/index.ts', import.meta.url),
);

/** Loaded into the sandbox before the workflows. */
export const PRELOAD_MODULES: readonly string[] = [
  fileURLToPath(new URL(COMPILED ? './disable-stack-traces.js' : './disable-stack-traces.ts', import.meta.url)),
];

/** Where `npm run build` puts the bundle. */
export const BUNDLE_PATH = fileURLToPath(
  new URL(COMPILED ? '../../workflow-bundle.js' : '../../lib/workflow-bundle.js', import.meta.url),
);

/** CERTMAN_WORKFLOW_BUNDLE, else the bundle of this build. Sources never use the one in lib/: it can be out of date. */
export function findWorkflowCode(configured: string | undefined): WorkflowCode {
  if (configured !== undefined) return { workflowBundle: { codePath: configured } };
  if (COMPILED && existsSync(BUNDLE_PATH)) return { workflowBundle: { codePath: BUNDLE_PATH } };
  return { workflowsPath: WORKFLOWS_PATH, bundlerOptions: { preloadModules: [...PRELOAD_MODULES] } };
}
