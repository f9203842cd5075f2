#!/usr/bin/env node
// In a checkout the sources, which Node 23 and newer runs directly (a build in lib/ can be out of date); in the image, lib/.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const sources = new URL('../src/cli/main.ts', import.meta.url);
const built = new URL('../lib/certman.js', import.meta.url);
const installedNode = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url));
const [major = 0] = process.versions.node.split('.').map(Number);
if (major < 23 && existsSync(installedNode)) {
  const { runOn } = await import('./run-on.js');
  runOn(installedNode, process.argv.slice(1));
} else if (major < 23) {
  process.stderr.write(
    `certman: Node ${process.versions.node} is too old; install Node 24, or run "npm ci" in the checkout, which installs it there.\n`,
  );
  process.exitCode = 2;
} else {
  const program = existsSync(sources) ? sources : built;
  // oxlint-disable-next-line layers/import-layers -- src/cli, or built
  await import(program.href);
}
