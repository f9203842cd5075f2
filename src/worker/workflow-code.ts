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
import { asciiCode } from './ascii-code.ts';
import { bindIntrinsics } from './bind-intrinsics.ts';
import { keepSyntax } from './keep-syntax.ts';

/** The built program is in lib/, beside the workflow code of the same build. */
const BUILT = import.meta.url.endsWith('.js');

function pathOf(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}

/** Entry point of the workflows. */
export const WORKFLOWS_PATH = pathOf('../../workflows/index.ts');

/**
 * For `bundleWorkflowCode`. The modules of the workflows are evaluated once for all of them, and frozen, which saves a
 * quarter of the CPU time of a short workflow: none may have a state of its own.
 * @param workflowsPath the entry point.
 */
export function bundlerOptions(
  workflowsPath: string,
): Required<Pick<BundleOptions, 'workflowsPath' | 'preloadModules' | 'failureConverterPath' | 'webpackConfigHook'>> {
  return {
    workflowsPath,
    // The SDK accepts no code without a source map. Stack traces of a replay need its positions, not its sources.
    webpackConfigHook: (config) => bindIntrinsics(keepSyntax({ ...config, devtool: 'inline-nosources-source-map' })),
    preloadModules: [pathOf('./disable-stack-traces.ts'), pathOf('./drop-debug-logs.ts'), workflowsPath],
    failureConverterPath: pathOf('../../workflows/failure-converter.ts'),
  };
}

/** Where `npm run build` puts the bundle. */
export const BUNDLE_PATH = pathOf(BUILT ? './workflow-bundle.js' : '../../lib/workflow-bundle.js');

/** CERTMAN_WORKFLOW_BUNDLE, else the bundle of this build. Sources never use the one in lib/: it can be out of date. */
export function findWorkflowCode(
  configured: string | undefined,
): Pick<WorkerOptions, 'workflowBundle' | 'workflowsPath' | 'bundlerOptions'> {
  if (configured !== undefined) return { workflowBundle: { codePath: configured } };
  if (BUILT) return { workflowBundle: { codePath: BUNDLE_PATH } };
  const { workflowsPath, preloadModules, webpackConfigHook } = bundlerOptions(WORKFLOWS_PATH);
  return { workflowsPath, bundlerOptions: { preloadModules, webpackConfigHook } };
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
export async function bundleWorkflows(): Promise<WorkflowBundle> {
  const bundle = await bundleWorkflowCode({
    ...bundlerOptions(WORKFLOWS_PATH),
    logger: new DefaultLogger('WARN'),
  });
  return { ...bundle, code: asciiCode(bundle.code) };
}
