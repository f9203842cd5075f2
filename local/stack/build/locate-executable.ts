/** Where the executable of a part already is: named by the user, on the PATH, or in the cache. */
import { execFile } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { LocalStackError } from '../local-stack-error.ts';
import type { Tool } from '../versions.ts';
import { executableIn, toolFolder } from './cache.ts';

/** Long enough for a machine that is busy with something else. */
const VERSION_TIMEOUT_MS = 60_000;

/** @returns undefined when the part has to be made. @throws LocalStackError when what the user named is no executable. */
export async function locateExecutable(tool: Tool): Promise<string | undefined> {
  return configuredExecutable(tool) ?? (await matchingExecutableOnPath(tool)) ?? cachedExecutable(tool);
}

/** The executable in the cache, if it is whole. */
export function cachedExecutable(tool: Tool): string | undefined {
  const path = executableIn(toolFolder(tool), tool);
  return isExecutable(path) && isIntact(tool, path) ? path : undefined;
}

/** `kube-apiserver` → `CERTMAN_LOCAL_KUBE_APISERVER`: by this variable a user names an executable. */
export function executableVariable(tool: Tool): string {
  return `CERTMAN_LOCAL_${tool.name.toUpperCase().replaceAll('-', '_')}`;
}

/** Where a command is on the PATH. */
export function onPath(command: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, command)).find(isExecutable);
}

/** Standard output and error of a short command; undefined when it fails. */
export async function outputOf(command: string, args: readonly string[]): Promise<string | undefined> {
  try {
    const { stdout, stderr } = await promisify(execFile)(command, [...args], { timeout: VERSION_TIMEOUT_MS });
    return `${stdout}\n${stderr}`;
  } catch {
    // Callers treat a command that cannot even say its version as absent.
    return undefined;
  }
}

function configuredExecutable(tool: Tool): string | undefined {
  const variable = executableVariable(tool);
  const named = process.env[variable];
  if (named === undefined || named === '') return undefined;
  if (isExecutable(named)) return named;
  throw new LocalStackError({
    message: `${variable} is ${named}, which is not an executable file.`,
    remedy: `Set it to the path of ${tool.name} ${tool.version}, or unset it to have that fetched or built.`,
  });
}

async function matchingExecutableOnPath(tool: Tool): Promise<string | undefined> {
  if (tool.onPath === undefined) return undefined;
  const path = onPath(tool.onPath.command);
  if (path === undefined) return undefined;
  const output = await outputOf(path, tool.onPath.args);
  return tool.onPath.pattern.exec(output ?? '')?.[1] === tool.version ? path : undefined;
}

/** A virtual environment is of no use once the Python that made it is gone. */
function isIntact(tool: Tool, path: string): boolean {
  return tool.recipe.kind !== 'python' || isExecutable(join(dirname(path), 'venv', 'bin', 'python'));
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
