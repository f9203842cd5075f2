/** The program as the image has it: a worker that runs the sources takes a third more memory, and bundles at start. */
import { execFile } from 'node:child_process';
import { copyFile, cp, mkdir, rm, symlink } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { bundleProgram, PROGRAM, WORKFLOW_BUNDLE } from './bundle-program.ts';
import { imagePackages, writeEmptyModules } from './image-packages.ts';
import { trimSdk } from './trim-sdk.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const BUNDLE_WORKFLOWS = join(ROOT, 'src/worker/bundle-workflows.ts');
/** What no program reads, and the packages of a package, which are copied by themselves. */
const NOT_COPIED = /\/node_modules$|\/(sdk-core|bridge-macros)$|\.d\.ts$|\.map$/;
/** The builds of the Temporal SDK's native core, a link to which does: they load nothing from node_modules. */
const NATIVE = 'node_modules/@temporalio/core-bridge/releases';

/** Does what the Dockerfile does, in a folder of `stateDir`, which can be anywhere. @returns the path of the program. */
export async function buildProgram(stateDir: string): Promise<string> {
  const app = join(stateDir, 'program');
  await rm(app, { recursive: true, force: true });
  await mkdir(app, { recursive: true });
  // As in the image: the program finds its version and the Temporal SDK in the folder above its own.
  await copyFile(join(ROOT, 'package.json'), join(app, 'package.json'));
  await copyPackages(app);
  const folder = join(app, 'lib');
  await bundleProgram(folder);
  await promisify(execFile)(process.execPath, [BUNDLE_WORKFLOWS, join(folder, WORKFLOW_BUNDLE)]);
  return join(folder, PROGRAM);
}

async function copyPackages(app: string): Promise<void> {
  const native = join(ROOT, NATIVE);
  const filter = (path: string): boolean => path !== native && !NOT_COPIED.test(path);
  for (const folder of imagePackages(ROOT)) {
    await cp(folder, join(app, relative(ROOT, folder)), { recursive: true, filter });
  }
  await symlink(native, join(app, NATIVE));
  writeEmptyModules(app);
  trimSdk(join(app, 'node_modules'));
}
