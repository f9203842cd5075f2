/**
 * Removes from node_modules what the image has bundled in lib/: all but the Temporal SDK, and of that what only bundles
 * workflow code. Run in the folder of package.json. @temporalio/worker imports some of the latter when it is loaded and
 * never uses it when it is given a bundle: of these an empty module stays.
 */
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isExternal } from './external-packages.ts';

const BUNDLER: ReadonlySet<string> = new Set([
  'webpack',
  'memfs',
  'unionfs',
  'swc-loader',
  'source-map-loader',
  '@swc/core',
]);
const IMPORTED = ['webpack', 'memfs', 'unionfs'];

interface Manifest {
  readonly dependencies?: object;
  readonly optionalDependencies?: object;
  readonly peerDependencies?: object;
}

/** The folder of a package, as Node.js finds it from `folder`; undefined for an optional one that is not installed. */
function findPackage(folder: string, name: string): string | undefined {
  for (let from = folder; ; from = from.slice(0, from.lastIndexOf('/node_modules/'))) {
    const found = `${from}/node_modules/${name}`;
    if (existsSync(found)) return found;
    if (!from.includes('/node_modules/')) return undefined;
  }
}

function addDependencies(folder: string, needed: Set<string>, filter = (_name: string): boolean => true): void {
  const manifest = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')) as Manifest;
  const { dependencies, optionalDependencies, peerDependencies } = manifest;
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies }).filter(filter)) {
    const found = BUNDLER.has(name) ? undefined : findPackage(folder, name);
    if (found === undefined || needed.has(found)) continue;
    needed.add(found);
    addDependencies(found, needed);
  }
}

const needed = new Set<string>();
addDependencies('.', needed, isExternal);
const installed = globSync('node_modules/**/package.json')
  .map((file) => `./${file.slice(0, -'/package.json'.length)}`)
  .filter((folder) => /node_modules\/(@[^/]+\/)?[^/@]+$/.test(folder));
const surplus = installed.filter((folder) => !needed.has(folder));
for (const folder of surplus) rmSync(folder, { recursive: true, force: true });
rmSync('node_modules/.bin', { recursive: true, force: true });
for (const name of IMPORTED) {
  mkdirSync(`node_modules/${name}`, { recursive: true });
  writeFileSync(`node_modules/${name}/package.json`, JSON.stringify({ name, version: '0.0.0', main: 'index.js' }));
  writeFileSync(`node_modules/${name}/index.js`, '');
}
process.stdout.write(`removed ${surplus.length} bundled packages\n`);
