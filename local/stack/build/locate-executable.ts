/** Finds the executable of a tool: named by the user, on the PATH, or in the cache. */
import { execFile } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { LocalStackError } from '../local-stack-error.ts';
import type { Tool } from '../versions.ts';
import { executableIn, toolFolder } from './cache.ts';

/** Long enough for a machine that is busy with something else. */
const VERSION_TIMEOUT_MS = 60_000;

/** @returns the path, or undefined when the tool is not installed. @throws LocalStackError when the user's path is not executable. */
export async function locateExecutable(tool: Tool): Promise<string | undefined> {
  return configuredExecutable(tool) ?? (await matchingExecutableOnPath(tool)) ?? cachedExecutable(tool);
}

/** Path of the executable in the cache, if it is intact. */
export function cachedExecutable(tool: Tool): string | undefined {
  const path = executableIn(toolFolder(tool), tool);
  return isExecutable(path) && isIntact(tool, path) ? path : undefined;
}

/** Variable by which a user names an executable: `kube-apiserver` → `CERTMAN_LOCAL_KUBE_APISERVER`. */
export function executableVariable(tool: Tool): string {
  return `CERTMAN_LOCAL_${tool.name.toUpperCase().replaceAll('-', '_')}`;
}

/** Path of a command on the PATH; undefined when there is none. */
export function onPath(command: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, command)).find(isExecutable);
}

/** Standard output and error of a command; undefined when it fails. */
export async function outputOf(command: string, args: readonly string[]): Promise<string | undefined> {
  try {
    const { stdout, stderr } = await promisify(execFile)(command, [...args], { timeout: VERSION_TIMEOUT_MS });
    return `${stdout}\n${stderr}`;
  } catch {
    // Callers treat a command that cannot print its version as absent.
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
    remedy: `Set it to the path of ${tool.name} ${tool.version}, or unset it to download or build that.`,
  });
}

async function matchingExecutableOnPath(tool: Tool): Promise<string | undefined> {
  if (tool.onPath === undefined) return undefined;
  const path = onPath(tool.onPath.command);
  if (path === undefined) return undefined;
  const output = await outputOf(path, tool.onPath.args);
  return tool.onPath.pattern.exec(output ?? '')?.[1] === tool.version ? path : undefined;
}

/** A virtual environment does not work without the Python that created it. */
function isIntact(tool: Tool, path: string): boolean {
  return tool.recipe.kind !== 'python' || isExecutable(join(dirname(path), 'venv', 'bin', 'python'));
}

/** Whether it is a file that this user may execute. */
export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
