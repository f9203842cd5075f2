/** The executables of the parts: each is looked for, then downloaded, then built; all that are missing at once. */
import { LocalProblem } from '../problem.ts';
import { TOOLS, type ToolName } from '../versions.ts';
import { locate } from './locate.ts';
import { entry, type MakeOptions, makeTools } from './make-tools.ts';

const found = new Map<ToolName, Promise<string>>();

/**
 * Path of a tool's executable, of exactly the version of versions.ts unless the user named another.
 * @throws LocalProblem naming the tool, what was tried and what to install.
 */
export async function executable(name: ToolName, options: MakeOptions = {}): Promise<string> {
  const [path] = await executables([name], options);
  if (path === undefined) throw new LocalProblem({ message: `There is no tool ${name}.` });
  return path;
}

/**
 * Paths of several, in the order of the names. What is missing is made in the order in which that is quickest for all.
 * Waits until all have ended, then throws the first failure.
 */
export async function executables(names: readonly ToolName[], options: MakeOptions = {}): Promise<readonly string[]> {
  const making = provide(
    names.filter((name) => !found.has(name)),
    options,
  );
  const paths = names.map((name) => found.get(name) ?? remember(name, making));
  const all = await Promise.allSettled(paths);
  return all.map((one) => {
    if (one.status === 'rejected') throw one.reason;
    return one.value;
  });
}

function remember(name: ToolName, making: Promise<ReadonlyMap<ToolName, Promise<string>>>): Promise<string> {
  const path = making.then((made) => entry(made, name));
  found.set(name, path);
  // After a failure the next call looks again.
  path.catch(() => found.delete(name));
  return path;
}

async function provide(
  names: readonly ToolName[],
  options: MakeOptions,
): Promise<ReadonlyMap<ToolName, Promise<string>>> {
  const located = await Promise.all(names.map(async (name) => [name, await locate(TOOLS[name])] as const));
  const missing = located.filter(([, path]) => path === undefined).map(([name]) => TOOLS[name]);
  const made = missing.length === 0 ? new Map<ToolName, Promise<string>>() : await makeTools(missing, options);
  const there = located.flatMap(([name, path]) => (path === undefined ? [] : [[name, Promise.resolve(path)] as const]));
  return new Map([...made, ...there]);
}
