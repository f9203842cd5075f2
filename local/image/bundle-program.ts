/** Bundles the program, as the image has it: `node local/image/bundle-program.ts [folder]`, part of `npm run build`. */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type OutputChunk, rolldown } from 'rolldown';
import { isExternal } from './external-packages.ts';

/** What bin/certman.js starts, in the folder of the bundle. */
export const PROGRAM = 'certman.js';
/** Beside it: what src/worker/bundle-workflows.ts writes. */
export const WORKFLOW_BUNDLE = 'workflow-bundle.js';
/** The license of each package in the bundle. */
export const LICENSES = 'THIRD-PARTY-LICENSES';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Its index loads the generated API, 24 MB of modules, of which nothing is used. One of its modules has an effect. */
const WITHOUT_SIDE_EFFECTS = /\/@kubernetes\/client-node\/dist\/(?!polyfill\.js)/;
/** The media type of each file name, for uploads, of which there are none: 180 kB of text, and 0.5 MB of objects. */
const MEDIA_TYPES = /\/node_modules\/mime-db\/db\.json$/;
const PACKAGE_FOLDER = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+\//;

/**
 * Writes the program as few files without comments: a worker loads 4 MB instead of 40.
 * Names, lines and what a command imports when it runs stay.
 * @param folder is emptied. Below package.json, whose version the program reads, and node_modules.
 * @returns its files.
 */
export async function bundleProgram(folder: string): Promise<readonly OutputChunk[]> {
  const build = await rolldown({
    cwd: ROOT,
    // The SDK loads the failure converter by its path, which is beside the code that gives it.
    input: { certman: 'src/cli/main.ts', 'failure-converter': 'src/payloads/failure-converter.ts' },
    platform: 'node',
    external: isExternal,
    plugins: [
      {
        name: 'without-media-types',
        load: { filter: { id: MEDIA_TYPES }, handler: () => ({ code: '{}', moduleType: 'json' }) },
      },
    ],
    treeshake: { moduleSideEffects: [{ test: WITHOUT_SIDE_EFFECTS, sideEffects: false }] },
  });
  await rm(folder, { recursive: true, force: true });
  const { output } = await build.write({
    dir: folder,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
    // One other character doubles the memory of a file's text.
    minify: { compress: false, mangle: false, codegen: { removeWhitespace: false, asciiOnly: true } },
    comments: false,
  });
  await build.close();
  const chunks = output.filter((file) => file.type === 'chunk');
  await writeFile(join(folder, LICENSES), await licensesOf(chunks));
  return chunks;
}

/** @throws Error when a package in the bundle has no license. */
async function licensesOf(chunks: readonly OutputChunk[]): Promise<string> {
  const folders = new Set(chunks.flatMap(({ moduleIds }) => moduleIds.flatMap((id) => PACKAGE_FOLDER.exec(id) ?? [])));
  const texts = await Promise.all(
    [...folders].sort().map(async (folder) => {
      const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
        readonly name: string;
        readonly version: string;
        readonly license?: string;
      };
      const file = (await readdir(folder)).find((name) => /^licen[cs]e/i.test(name));
      if (file === undefined && manifest.license === undefined) throw new Error(`${folder} has no license`);
      const text = file === undefined ? '' : await readFile(join(folder, file), 'utf8');
      return `${manifest.name} ${manifest.version}, ${manifest.license ?? 'license below'}\n\n${text.trim()}\n`;
    }),
  );
  return texts.join(`\n${'-'.repeat(80)}\n\n`);
}

if (import.meta.main) {
  const folder = resolve(process.argv[2] ?? join(ROOT, 'lib'));
  const chunks = await bundleProgram(folder);
  const bytes = chunks.reduce((sum, { code }) => sum + code.length, 0);
  process.stdout.write(`program bundled into ${folder} (${chunks.length} files, ${Math.round(bytes / 1024)} KiB)\n`);
}
