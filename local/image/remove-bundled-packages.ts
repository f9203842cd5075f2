/** Removes from node_modules what the image does not need beside lib/. Run in the folder of package.json. */
import { globSync, rmSync } from 'node:fs';
import { imagePackages, writeEmptyModules } from './image-packages.ts';

const needed = imagePackages('.');
const installed = globSync('node_modules/**/package.json')
  .map((file) => `./${file.slice(0, -'/package.json'.length)}`)
  .filter((folder) => /node_modules\/(@[^/]+\/)?[^/@]+$/.test(folder));
const surplus = installed.filter((folder) => !needed.has(folder));
for (const folder of surplus) rmSync(folder, { recursive: true, force: true });
rmSync('node_modules/.bin', { recursive: true, force: true });
writeEmptyModules('.');
process.stdout.write(`removed ${surplus.length} bundled packages\n`);
