/** The program as the image has it: a worker that runs the sources takes a third more memory, and bundles at start. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { bundleProgram, PROGRAM, WORKFLOW_BUNDLE } from '../local/image/bundle-program.ts';

const BUNDLE_WORKFLOWS = fileURLToPath(new URL('../src/worker/bundle-workflows.ts', import.meta.url));

/** Does what `npm run build` does, in a folder of `stateDir`. @returns the path of the program. */
export async function buildProgram(stateDir: string): Promise<string> {
  const folder = join(stateDir, 'program');
  await bundleProgram(folder);
  await promisify(execFile)(process.execPath, [BUNDLE_WORKFLOWS, join(folder, WORKFLOW_BUNDLE)]);
  return join(folder, PROGRAM);
}
