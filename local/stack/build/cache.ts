/** The cache of built tools: outside the work tree, one folder for each tool, version and content of its pinned files. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Tool } from '../versions.ts';

/** `$CERTMAN_CACHE`, `$XDG_CACHE_HOME/certman` or `~/.cache/certman`. Relative paths are ignored, as in the XDG specification. */
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

/** Folder of a built tool: another one when a pinned file or the recipe changes. */
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

/** Fills a temporary folder and renames it, so that the folder is never incomplete. @throws what `fill` throws. */
export async function createFolderAtomically(
  folder: string,
  fill: (workFolder: string) => Promise<void>,
): Promise<void> {
  await mkdir(dirname(folder), { recursive: true });
  const workFolder = await mkdtemp(`${folder}.making-`);
  try {
    await fill(workFolder);
    // mkdtemp creates a private folder, and a cache may be shared.
    await chmod(workFolder, 0o755);
    await rm(folder, { recursive: true, force: true });
    await rename(workFolder, folder);
    await rm(`${folder}.download.part`, { force: true });
  } finally {
    await rm(workFolder, { recursive: true, force: true });
  }
}

/**
 * Removes temporary folders that killed processes have left. The caller holds the lock, so that no process uses them.
 * @param prefixes of the names in the folder.
 */
export async function removeTemporaryFolders(folder: string, prefixes: readonly string[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  const left = (await readdir(folder)).filter((name) => prefixes.some((prefix) => name.startsWith(prefix)));
  for (const name of left) await rm(join(folder, name), { recursive: true, force: true });
}
