#!/usr/bin/env node
// In a checkout the sources, which Node 23 and newer runs directly (a build in lib/ can be out of date); in the image, lib/.
import { existsSync } from 'node:fs';

const sources = new URL('../src/cli/main.ts', import.meta.url);
const built = new URL('../lib/certman.js', import.meta.url);
const [major = 0] = process.versions.node.split('.').map(Number);
if (existsSync(sources) && major >= 23) {
  // oxlint-disable-next-line layers/import-layers -- src/cli
  await import(sources.href);
} else if (existsSync(built)) {
  // oxlint-disable-next-line layers/import-layers -- src/cli, built
  await import(built.href);
} else {
  process.stderr.write(
    `certman: Node ${process.versions.node} cannot run the sources; run it as "npx certman" in the checkout (after npm ci), or "npm run build" first.\n`,
  );
  process.exitCode = 2;
}
