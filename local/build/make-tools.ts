/** Makes the parts that are missing: downloads what publishers offer, builds the rest, both cores busy, nothing twice. */
import { chmod, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import pLimit, { type LimitFunction } from 'p-limit';
import { LocalProblem, messageOf } from '../problem.ts';
import { type Progress, progressOn } from '../progress.ts';
import type { Tool, ToolName } from '../versions.ts';
import { cacheFolder, executableIn, toolFolder } from './cache.ts';
import { aboutSeconds, Estimate, type Work } from './estimate.ts';
import { fetchTool, type Offer, offersFor } from './fetch-tool.ts';
import { buildPrograms, fetchModules, type GoTool } from './go-build.ts';
import { goCommand } from './go-toolchain.ts';
import { cached } from './locate.ts';
import { withLock } from './lock.ts';
import { installMaven, installPython, type Workplace } from './recipes.ts';
import { requireToolchains } from './toolchains.ts';
import { DownloadFailed, WEB_LIMITS, type WebLimits } from './web.ts';

export interface MakeOptions {
  /** Default: on standard error. */
  readonly progress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Of requests to publishers. */
  readonly limits?: WebLimits;
}

/** Two lists of packages at once keep the network busy and leave the processor to the compiler. */
const MODULE_FETCHES_AT_ONCE = 2;
const ESTIMATE_EVERY_MS = 1_000;
/** Errors of the file system that are of the cache's place, not of one file. */
const UNWRITABLE: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT', 'ENOTDIR']);

interface Making {
  readonly progress: Progress;
  readonly signal: AbortSignal | undefined;
  readonly limits: WebLimits;
  readonly offers: ReadonlyMap<ToolName, Offer>;
  readonly estimate: Estimate;
  /** The work of each tool that is built. */
  readonly work: Map<ToolName, Work>;
  /** One Go build at a time: each uses every core, and two would compile the standard library twice. */
  readonly compiling: LimitFunction;
  readonly fetching: LimitFunction;
}

/**
 * @returns once it is known how each is made, the executable of each, or its failure.
 * @throws LocalProblem naming every toolchain that is missing, before anything is downloaded or built.
 */
export async function makeTools(
  tools: readonly Tool[],
  options: MakeOptions,
): Promise<ReadonlyMap<ToolName, Promise<string>>> {
  const { progress = progressOn(process.stderr), signal, limits = WEB_LIMITS } = options;
  const offers = await offersFor(tools, { progress, signal, limits });
  await requireToolchains(tools.filter(({ name }) => !offers.has(name)));
  const estimate = new Estimate();
  const built = tools.filter(({ name }) => !offers.has(name));
  const work = new Map(built.map(({ name, buildCpuSeconds }) => [name, estimate.add(buildCpuSeconds)]));
  const making: Making = {
    progress,
    signal,
    limits,
    offers,
    estimate,
    work,
    compiling: pLimit(1),
    fetching: pLimit(MODULE_FETCHES_AT_ONCE),
  };
  const made = new Map<ToolName, Promise<string>>();
  // The quickest first: the compiler then works while the modules of the large ones are fetched.
  for (const group of groupsOf(tools)) {
    const paths = makeGroup(group, making);
    for (const { name } of group) {
      const path = paths.then((all) => entry(all, name));
      // The caller awaits each; one that fails while others are awaited is not unhandled.
      path.catch(() => undefined);
      made.set(name, path);
    }
  }
  void showEstimate([...made.values()], estimate, progress);
  return made;
}

/** What is made from one folder of pinned files belongs together. */
function groupsOf(tools: readonly Tool[]): readonly (readonly Tool[])[] {
  const groups = Map.groupBy(tools, ({ recipe }) => recipe.folder);
  const cost = (group: readonly Tool[]): number => group.reduce((sum, { buildCpuSeconds }) => sum + buildCpuSeconds, 0);
  return [...groups.values()].toSorted((one, other) => cost(one) - cost(other));
}

/** The executable or promise of a tool that is in the map by construction. */
export function entry<Value>(made: ReadonlyMap<ToolName, Value>, name: ToolName): Value {
  const value = made.get(name);
  if (value === undefined) throw new LocalProblem({ message: `${name} was not made.` });
  return value;
}

async function showEstimate(made: readonly Promise<string>[], estimate: Estimate, progress: Progress): Promise<void> {
  const left = (): string => {
    const seconds = estimate.remainingSeconds();
    return seconds === 0 ? 'downloads take as long as the network needs' : `${aboutSeconds(seconds)} of building left`;
  };
  const piece = progress.begin(
    `${made.length} local part${made.length === 1 ? '' : 's'}`,
    `to be fetched or built, this once, into ${cacheFolder()}; ${left()}`,
  );
  const updates = setInterval(() => piece.update(left()), ESTIMATE_EVERY_MS).unref();
  const all = await Promise.allSettled(made);
  clearInterval(updates);
  if (all.every(({ status }) => status === 'fulfilled')) piece.done();
  else piece.failed();
}

/** @returns the executable of each tool of the group. @throws the first failure, once all of the group have ended. */
async function makeGroup(group: readonly Tool[], making: Making): Promise<ReadonlyMap<ToolName, string>> {
  const [first] = group;
  if (first === undefined) return new Map();
  const lockFile = join(dirname(toolFolder(first)), `${first.recipe.folder}.lock`);
  const onWait = (holder: string): void => {
    making.progress.note(`${group.map(({ name }) => name).join(', ')}: waiting for ${holder}, which makes it`);
  };
  try {
    return await withLock(lockFile, makeMissing, { signal: making.signal, onWait });
  } catch (error) {
    throw explained(error);
  }

  async function makeMissing(): Promise<ReadonlyMap<ToolName, string>> {
    await removeLeftovers(group);
    // Another process may have made some while this one waited for the lock.
    const missing = group.filter((tool) => cached(tool) === undefined);
    const downloaded = await Promise.all(missing.map(async (tool) => [tool, await tryDownload(tool, making)] as const));
    const rest = downloaded.filter(([, ok]) => !ok).map(([tool]) => tool);
    if (rest.some(({ name }) => making.offers.has(name))) await requireToolchains(rest);
    for (const { name, buildCpuSeconds } of rest) {
      if (!making.work.has(name)) making.work.set(name, making.estimate.add(buildCpuSeconds));
    }
    await build(rest, making);
    for (const { name } of group) making.work.get(name)?.advance(1);
    return new Map(group.map((tool) => [tool.name, executableIn(toolFolder(tool), tool)]));
  }
}

/** @returns an error that says what to do where the cache itself cannot be written; any other as it is. */
function explained(error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined || !UNWRITABLE.has(code)) return error;
  return new LocalProblem({
    message: `The cache ${cacheFolder()} cannot be written: ${messageOf(error)}.`,
    next: 'Make room or give it to this user, or set CERTMAN_CACHE to another folder, by an absolute path.',
    cause: error,
  });
}

/** @returns whether it is in its place now; when not, it has to be built. */
async function tryDownload(tool: Tool, making: Making): Promise<boolean> {
  const offer = making.offers.get(tool.name);
  if (offer === undefined) return false;
  const piece = making.progress.begin(`${tool.name} ${tool.version}`, `downloading from ${offer.host}`);
  try {
    await inPlace(tool, async (folder) => {
      await fetchTool(tool, offer, folder, {
        signal: making.signal,
        limits: making.limits,
        onBytes: (bytes, total) => {
          const megabytes = (count: number): string => (count / 1e6).toFixed(1);
          const of = total === undefined ? '' : ` of ${megabytes(total)}`;
          piece.update(`downloading from ${offer.host}, ${megabytes(bytes)}${of} MB`);
        },
      });
    });
    piece.done();
    return true;
  } catch (error) {
    piece.failed();
    making.signal?.throwIfAborted();
    if (!(error instanceof DownloadFailed)) throw error;
    making.progress.note(`${tool.name} is built instead: ${messageOf(error)}`);
    return false;
  }
}

async function build(tools: readonly Tool[], making: Making): Promise<void> {
  const goTools = tools.filter((tool): tool is GoTool => tool.recipe.kind === 'go');
  const [first, ...others] = goTools;
  if (first !== undefined) await buildGoTools([first, ...others], making);
  for (const tool of tools) {
    const { recipe } = tool;
    if (recipe.kind === 'go') continue;
    const install = (place: Workplace): Promise<void> =>
      recipe.kind === 'python' ? installPython(tool, recipe, place) : installMaven(tool, recipe, place);
    await installPackages(tool, install, making);
  }
}

async function installPackages(
  tool: Tool,
  install: (place: Workplace) => Promise<void>,
  { progress, signal }: Making,
): Promise<void> {
  const piece = progress.begin(`${tool.name} ${tool.version}`, 'installing its packages');
  const logFile = `${toolFolder(tool)}.log`;
  try {
    await rm(logFile, { force: true });
    await inPlace(tool, (folder) => install({ folder, logFile, signal }));
    piece.done();
  } catch (error) {
    piece.failed();
    throw error;
  }
}

async function buildGoTools(tools: readonly [GoTool, ...GoTool[]], making: Making): Promise<void> {
  const { progress, signal } = making;
  const logFile = `${toolFolder(tools[0])}.log`;
  await mkdir(dirname(logFile), { recursive: true });
  const go = await goCommand({ progress, signal });
  const plan = { tools, go, logFile, signal };
  const total = await making.fetching(async () => {
    const piece = progress.begin(tools.map(({ name }) => name).join(', '), 'fetching modules');
    try {
      const stale = await fetchModules(plan);
      piece.done();
      return stale;
    } catch (error) {
      piece.failed();
      throw error;
    }
  });
  await making.compiling(async () => {
    const names = tools.map(({ name }) => name).join(', ');
    const piece = progress.begin(`${names} ${tools[0].version}`, `building, ${total} packages`);
    const workplace = await mkdtemp(join(dirname(logFile), `${tools[0].recipe.folder}.building-`));
    try {
      const programs = await buildPrograms(plan, workplace, (compiled) => {
        piece.update(`${Math.min(compiled, total)} of ${total} packages`);
        for (const { name } of tools) making.work.get(name)?.advance(compiled / Math.max(total, 1));
      });
      for (const [tool, program] of programs) {
        await inPlace(tool, (folder) => rename(program, executableIn(folder, tool)));
      }
      await rm(logFile, { force: true });
      piece.done();
    } catch (error) {
      piece.failed();
      throw error;
    } finally {
      await rm(workplace, { recursive: true, force: true });
    }
  });
}

/** What a process that was killed has left half made. The lock of the group is held, so no process works on it. */
async function removeLeftovers(group: readonly Tool[]): Promise<void> {
  const beginnings = group.flatMap((tool) => [
    `${basename(toolFolder(tool))}.making-`,
    `${basename(toolFolder(tool))}.download.unpacked`,
    `${tool.recipe.folder}.building-`,
  ]);
  for (const parent of new Set(group.map((tool) => dirname(toolFolder(tool))))) {
    await mkdir(parent, { recursive: true });
    const left = (await readdir(parent)).filter((name) => beginnings.some((beginning) => name.startsWith(beginning)));
    for (const name of left) await rm(join(parent, name), { recursive: true, force: true });
  }
}

/** Fills a folder beside the tool's, and moves it there as a whole. */
async function inPlace(tool: Tool, fill: (folder: string) => Promise<void>): Promise<void> {
  const folder = toolFolder(tool);
  await mkdir(dirname(folder), { recursive: true });
  const workplace = await mkdtemp(`${folder}.making-`);
  try {
    await fill(workplace);
    // mkdtemp keeps others out, and a cache may be shared.
    await chmod(workplace, 0o755);
    await rm(folder, { recursive: true, force: true });
    await rename(workplace, folder);
    // What a download has begun is of no use any more.
    await rm(`${folder}.download.part`, { force: true });
  } finally {
    await rm(workplace, { recursive: true, force: true });
  }
}
