/**
 * Workflow code as the version before runs it, for tests of upgrades: today's, with no knowledge of the newest `patched`
 * marker. What a run does that an earlier version began is decided by that marker alone, so this code and the earlier one's
 * make the same commands; test/workflows/replay.test.ts holds it to what the earlier version recorded.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger, type WorkflowBundle } from '@temporalio/worker';
import { PRELOAD_MODULES, WORKFLOWS_PATH } from '../../../src/worker/workflow-code.ts';

const WORKFLOWS = fileURLToPath(new URL('../../../workflows/', import.meta.url));
const PREVIOUS_SDK = fileURLToPath(new URL('./previous-patches.ts', import.meta.url));

/** Into a file, for `CERTMAN_WORKFLOW_BUNDLE`. @returns its path. */
export async function writePreviousWorkflows(folder: string): Promise<string> {
  const path = join(folder, 'earlier-workflows.js');
  const { code } = await previousWorkflowCode();
  await writeFile(path, code);
  return path;
}

export async function previousWorkflowCode(): Promise<WorkflowBundle> {
  return await bundleWorkflowCode({
    workflowsPath: WORKFLOWS_PATH,
    preloadModules: [...PRELOAD_MODULES],
    logger: new DefaultLogger('ERROR'),
    webpackConfigHook: (config) => {
      const rules = config.module?.rules ?? [];
      const inWorkflows = { include: [WORKFLOWS], resolve: { alias: { '@temporalio/workflow$': PREVIOUS_SDK } } };
      return { ...config, module: { ...config.module, rules: [...rules, inWorkflows] } };
    },
  });
}
