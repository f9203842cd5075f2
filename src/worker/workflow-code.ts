import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import {
  type BundleOptions,
  bundleWorkflowCode,
  DefaultLogger,
  type WorkerOptions,
  type WorkflowBundle,
} from '@temporalio/worker';
import { ENCODE_FAILURES } from '../../workflows/failure-converter.ts';

/** The compiled code is in lib/, with the bundle of the same build. */
const COMPILED = import.meta.url.endsWith('.js');
const EXTENSION = COMPILED ? 'js' : 'ts';

function pathOf(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}

/** Entry point of the workflows, compiled or not. */
export const WORKFLOWS_PATH = pathOf(`../../workflows/index.${EXTENSION}`);

/**
 * For `bundleWorkflowCode`. The modules of the workflows are evaluated once for all of them, and frozen, which saves a
 * quarter of the CPU time of a short workflow: none may have a state of its own.
 * @param workflowsPath the entry point.
 */
export function bundlerOptions(
  workflowsPath: string,
): Required<Pick<BundleOptions, 'workflowsPath' | 'preloadModules' | 'failureConverterPath'>> {
  return {
    workflowsPath,
    preloadModules: [pathOf(`./disable-stack-traces.${EXTENSION}`), workflowsPath],
    failureConverterPath: pathOf(`../../workflows/failure-converter.${EXTENSION}`),
  };
}

/** Where `npm run build` puts the bundle. */
export const BUNDLE_PATH = pathOf(COMPILED ? '../../workflow-bundle.js' : '../../lib/workflow-bundle.js');

/** CERTMAN_WORKFLOW_BUNDLE, else the bundle of this build. Sources never use the one in lib/: it can be out of date. */
export function findWorkflowCode(
  configured: string | undefined,
): Pick<WorkerOptions, 'workflowBundle' | 'workflowsPath' | 'bundlerOptions'> {
  if (configured !== undefined) return { workflowBundle: { codePath: configured } };
  if (COMPILED && existsSync(BUNDLE_PATH)) return { workflowBundle: { codePath: BUNDLE_PATH } };
  const { workflowsPath, preloadModules } = bundlerOptions(WORKFLOWS_PATH);
  return { workflowsPath, bundlerOptions: { preloadModules } };
}

/** The same code, for workers that encrypt payloads: workflows encode the messages of their failures too. */
export async function loadEncodingWorkflowCode(configured: string | undefined): Promise<{
  readonly workflowBundle: { readonly code: string };
}> {
  const { workflowBundle: prebuilt } = findWorkflowCode(configured);
  const code =
    prebuilt !== undefined && 'codePath' in prebuilt
      ? await readFile(prebuilt.codePath, 'utf8')
      : (await bundleWorkflows()).code;
  // The sandbox has no other input than its code. On the first line, so that source maps stay right.
  return { workflowBundle: { code: `globalThis.${ENCODE_FAILURES} = true; ${code}` } };
}

/** Takes some seconds. */
export function bundleWorkflows(): Promise<WorkflowBundle> {
  return bundleWorkflowCode({
    ...bundlerOptions(WORKFLOWS_PATH),
    logger: new DefaultLogger('WARN'),
  });
}
