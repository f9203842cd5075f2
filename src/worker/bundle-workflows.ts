/** Bundles the workflow code in advance: `node src/worker/bundle-workflows.ts [file]`, part of `npm run build`. */
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { BUNDLE_PATH, bundleWorkflows } from './workflow-code.ts';

const path = resolve(process.argv[2] ?? BUNDLE_PATH);
const { code } = await bundleWorkflows();
await mkdir(dirname(path), { recursive: true });
// Renamed into place, so that a worker that starts meanwhile never reads half a bundle.
const part = `${path}.${process.pid}.part`;
await writeFile(part, code);
await rename(part, path);
process.stdout.write(`workflow code bundled into ${path} (${Math.round(code.length / 1024)} KiB)\n`);
