#!/usr/bin/env node
// Compiled code where there is some (the image); the sources themselves in a checkout, which Node >= 22.18 runs as they are.
import { existsSync } from 'node:fs';

const compiled = new URL('../lib/src/cli.js', import.meta.url);
const [major = 0] = process.versions.node.split('.').map(Number);
if (existsSync(compiled)) {
  await import(compiled.href);
} else if (major >= 23) {
  await import(new URL('../src/cli.ts', import.meta.url).href);
} else {
  process.stderr.write(
    `certman: Node ${process.versions.node} cannot run the sources; run it as "npx certman" in the checkout (after npm ci), or "npm run build" first.\n`,
  );
  process.exitCode = 2;
}
