/** Where what is built once is kept: outside the work tree, by tool, version and what it is made from. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
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
