/** Where the executable of a part is: given by the user, on the PATH, in the cache, or built now. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import pLimit from 'p-limit';
import { LocalProblem } from '../problem.ts';
import { TOOLS, type Tool, type ToolName } from '../versions.ts';
import { executableIn, toolFolder } from './cache.ts';
import { withLock } from './lock.ts';
import { type Progress, progressOn } from './progress.ts';
import { buildIn, constantName, isExecutable, onPath } from './recipes.ts';

export interface LookUpOptions {
  /** Default: lines on standard error. */
  readonly progress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Builds take all the cores and a GB of memory each. */
const BUILDS_AT_ONCE = 2;
const VERSION_MS = 10_000;

const builds = pLimit(BUILDS_AT_ONCE);
const found = new Map<ToolName, Promise<string>>();

/**
 * Path of a tool's executable, of exactly the version of versions.ts unless the user gave another.
 * @throws LocalProblem naming the tool, what was tried and what to install.
 */
export async function executable(name: ToolName, options: LookUpOptions = {}): Promise<string> {
  let path = found.get(name);
  if (path === undefined) {
    path = lookUp(TOOLS[name], options);
    found.set(name, path);
    // One that failed is looked for again.
    path.catch(() => found.delete(name));
  }
  return await path;
}

/** Several at once; the builds that are needed run two at a time. All are waited for, then the first failure is thrown. */
export async function executables(names: readonly ToolName[], options: LookUpOptions = {}): Promise<void> {
  const all = await Promise.allSettled(names.map((name) => executable(name, options)));
  for (const one of all) if (one.status === 'rejected') throw one.reason;
}

async function lookUp(tool: Tool, options: LookUpOptions): Promise<string> {
  return (
    givenByUser(tool) ?? (await suitableOnPath(tool)) ?? cached(tool) ?? (await builds(() => build(tool, options)))
  );
}

function givenByUser(tool: Tool): string | undefined {
  const variable = `CERTMAN_LOCAL_${constantName(tool.name)}`;
  const given = process.env[variable];
  if (given === undefined || given === '') return undefined;
  if (isExecutable(given)) return given;
  throw new LocalProblem({
    message: `${variable} is ${given}, which is not an executable file.`,
    next: `Set it to the path of ${tool.name} ${tool.version}, or unset it to have that built.`,
  });
}

async function suitableOnPath(tool: Tool): Promise<string | undefined> {
  if (tool.onPath === undefined) return undefined;
  const path = onPath(tool.onPath.command);
  if (path === undefined) return undefined;
  try {
    const { stdout, stderr } = await promisify(execFile)(path, [...tool.onPath.args], { timeout: VERSION_MS });
    const version = tool.onPath.pattern.exec(`${stdout}\n${stderr}`)?.[1];
    return version === tool.version ? path : undefined;
  } catch {
    // One that cannot even say its version is none that suits.
    return undefined;
  }
}

function cached(tool: Tool): string | undefined {
  const path = executableIn(toolFolder(tool), tool);
  return isExecutable(path) && isWhole(tool, path) ? path : undefined;
}

/** A virtual environment is of no use once the Python that made it is gone. */
function isWhole(tool: Tool, path: string): boolean {
  return tool.recipe.kind !== 'python' || isExecutable(join(dirname(path), 'venv', 'bin', 'python'));
}

async function build(tool: Tool, options: LookUpOptions): Promise<string> {
  const folder = toolFolder(tool);
  const parent = dirname(folder);
  const progress = options.progress ?? progressOn(process.stderr);
  const onWait = (holder: string): void => {
    progress.begin(tool.name, `${holder} is building it, waiting for that`).done();
  };
  return await withLock(`${folder}.lock`, () => buildLocked(), { signal: options.signal, onWait });

  async function buildLocked(): Promise<string> {
    const already = cached(tool);
    if (already !== undefined) return already;
    const logFile = join(parent, `${basename(folder)}.log`);
    const piece = progress.begin(
      `${tool.name} ${tool.version}`,
      `building, this once; up to ${tool.buildTime} on two cores`,
    );
    const workplace = await mkdtemp(`${folder}.building-`);
    try {
      await rm(logFile, { force: true });
      await buildIn(tool, { folder: workplace, logFile, signal: options.signal });
      await rm(folder, { recursive: true, force: true });
      await mkdir(parent, { recursive: true });
      await rename(workplace, folder);
      piece.done();
      return executableIn(folder, tool);
    } catch (error) {
      piece.failed();
      throw error;
    } finally {
      await rm(workplace, { recursive: true, force: true });
    }
  }
}
