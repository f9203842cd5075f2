/** Finds the executables of the parts; downloads or builds the missing ones, all at once. */
import { LocalStackError, messageOf } from '../local-stack-error.ts';
import { TOOLS, type ToolName } from '../versions.ts';
import { type InstallOptions, installTools, requireEntry } from './install-tools.ts';
import { locateExecutable } from './locate-executable.ts';

const executablePaths = new Map<ToolName, Promise<string>>();

/**
 * Path of a tool's executable, in the version of versions.ts unless the user names another one.
 * @throws LocalStackError with the tool, the attempts and what to install.
 */
export async function executable(name: ToolName, options: InstallOptions = {}): Promise<string> {
  const [path] = await executables([name], options);
  if (path === undefined) throw new LocalStackError({ message: `Unknown tool: ${name}.` });
  return path;
}

/**
 * Paths of several executables, in the order of the names.
 * @throws LocalStackError with every failure, once all have ended.
 */
export async function executables(
  names: readonly ToolName[],
  options: InstallOptions = {},
): Promise<readonly string[]> {
  const making = resolveExecutables(
    [...new Set(names)].filter((name) => !executablePaths.has(name)),
    options,
  );
  const paths = names.map((name) => executablePaths.get(name) ?? memoizePath(name, making));
  const all = await Promise.allSettled(paths);
  const failures = new Set(all.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : [])));
  if (failures.size > 0) throw combineErrors([...failures]);
  return all.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
}

/** One error for several failures. */
function combineErrors(failures: readonly unknown[]): unknown {
  if (failures.length === 1) return failures[0];
  return new LocalStackError({ message: failures.map(messageOf).join('\n') });
}

function memoizePath(name: ToolName, making: Promise<ReadonlyMap<ToolName, Promise<string>>>): Promise<string> {
  const path = making.then((made) => requireEntry(made, name));
  executablePaths.set(name, path);
  // After a failure the next call tries again.
  path.catch(() => executablePaths.delete(name));
  return path;
}

async function resolveExecutables(
  names: readonly ToolName[],
  options: InstallOptions,
): Promise<ReadonlyMap<ToolName, Promise<string>>> {
  const located = await Promise.all(names.map(async (name) => [name, await locateExecutable(TOOLS[name])] as const));
  const missing = located.filter(([, path]) => path === undefined).map(([name]) => TOOLS[name]);
  const made = missing.length === 0 ? new Map<ToolName, Promise<string>>() : await installTools(missing, options);
  const there = located.flatMap(([name, path]) => (path === undefined ? [] : [[name, Promise.resolve(path)] as const]));
  return new Map([...made, ...there]);
}
