/** The cache of built tools: outside the work tree, one folder for each tool, version and content of its pinned files. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Tool } from '../versions.ts';

/** `$CERTMAN_CACHE`, `$XDG_CACHE_HOME/certman`, or `~/.cache/certman`. Relative ones are not taken, as the XDG specification has it. */
export function cacheFolder(environment: Readonly<NodeJS.ProcessEnv> = process.env): string {
  const own = environment['CERTMAN_CACHE'];
  if (own !== undefined && isAbsolute(own)) return own;
  const xdg = environment['XDG_CACHE_HOME'];
  if (xdg !== undefined && isAbsolute(xdg)) return join(xdg, 'certman');
  return join(homedir(), '.cache', 'certman');
}

/** Folder of the pinned files that a tool is built from. */
export function pinnedFolder(tool: Tool): string {
  return fileURLToPath(new URL(`../../tools/${tool.recipe.folder}`, import.meta.url));
}

/** Folder of a built tool. Another one as soon as a pinned file or the recipe changes. */
export function toolFolder(tool: Tool, cache = cacheFolder()): string {
  const hash = createHash('sha256').update(JSON.stringify(tool.recipe));
  const folder = pinnedFolder(tool);
  for (const file of readdirSync(folder).sort()) hash.update(file).update(readFileSync(join(folder, file)));
  const digest = hash.digest('hex').slice(0, 10);
  return join(cache, `${process.platform}-${process.arch}`, `${tool.name}-${tool.version}-${digest}`);
}

/** The executable in a tool's folder. */
export function executableIn(folder: string, tool: Tool): string {
  return join(folder, tool.name);
}

/** Fills a folder beside this one, and moves it here as a whole. @throws what `fill` throws, leaving nothing. */
export async function createFolderAtomically(
  folder: string,
  fill: (workFolder: string) => Promise<void>,
): Promise<void> {
  await mkdir(dirname(folder), { recursive: true });
  const workFolder = await mkdtemp(`${folder}.making-`);
  try {
    await fill(workFolder);
    // mkdtemp keeps others out, and a cache may be shared.
    await chmod(workFolder, 0o755);
    await rm(folder, { recursive: true, force: true });
    await rename(workFolder, folder);
    // What a download has begun is of no use any more.
    await rm(`${folder}.download.part`, { force: true });
  } finally {
    await rm(workFolder, { recursive: true, force: true });
  }
}

/**
 * Removes what processes that were killed have left of {@link createFolderAtomically} and of builds. The lock of what is made has to be
 * held, so that no process works on it.
 * @param beginnings of the names in the folder.
 */
export async function removeTemporaryFolders(folder: string, beginnings: readonly string[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  const left = (await readdir(folder)).filter((name) => beginnings.some((beginning) => name.startsWith(beginning)));
  for (const name of left) await rm(join(folder, name), { recursive: true, force: true });
}
