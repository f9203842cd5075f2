/**
 * What of node_modules the image has beside the bundle in lib/: the Temporal SDK and what it needs, but nothing that only
 * bundles workflow code. @temporalio/worker imports some of the latter when it is loaded and never uses it when it is given a
 * bundle: of these there is an empty module.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
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

/** @param folder of package.json. @returns the folders of the packages, each `<folder>/node_modules/…`. */
export function imagePackages(folder: string): ReadonlySet<string> {
  const needed = new Set<string>();
  addDependencies(folder, needed, isExternal);
  return needed;
}

/** @param folder that has `node_modules`. */
export function writeEmptyModules(folder: string): void {
  for (const name of IMPORTED) {
    const module = `${folder}/node_modules/${name}`;
    mkdirSync(module, { recursive: true });
    writeFileSync(`${module}/package.json`, JSON.stringify({ name, version: '0.0.0', main: 'index.js' }));
    writeFileSync(`${module}/index.js`, '');
  }
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
