/** The program as the image has it: a worker that runs the sources takes a third more memory, and bundles at start. */
import { execFile } from 'node:child_process';
import { copyFile, mkdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { bundleProgram, PROGRAM, WORKFLOW_BUNDLE } from '../local/image/bundle-program.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const BUNDLE_WORKFLOWS = join(ROOT, 'src/worker/bundle-workflows.ts');

/** Does what `npm run build` does, in a folder of `stateDir`, which can be anywhere. @returns the path of the program. */
export async function buildProgram(stateDir: string): Promise<string> {
  const app = join(stateDir, 'program');
  await rm(app, { recursive: true, force: true });
  await mkdir(app, { recursive: true });
  // As in the image: the program finds its version and the Temporal SDK in the folder above its own.
  await copyFile(join(ROOT, 'package.json'), join(app, 'package.json'));
  await symlink(join(ROOT, 'node_modules'), join(app, 'node_modules'));
  const folder = join(app, 'lib');
  await bundleProgram(folder);
  await promisify(execFile)(process.execPath, [BUNDLE_WORKFLOWS, join(folder, WORKFLOW_BUNDLE)]);
  return join(folder, PROGRAM);
}
