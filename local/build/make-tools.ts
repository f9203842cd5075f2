/** Makes the parts that are missing: downloads what publishers offer, builds the rest, both cores busy, nothing twice. */
import { basename, dirname, join } from 'node:path';
import pLimit from 'p-limit';
import { LocalProblem, messageOf } from '../problem.ts';
import { type Progress, progressOn, withPiece } from '../progress.ts';
import type { Tool, ToolName } from '../versions.ts';
import { type Building, buildTools } from './build-tools.ts';
import { cacheFolder, executableIn, toolFolder } from './cache.ts';
import { aboutSeconds, Estimate, type Work } from './estimate.ts';
import { fetchTool, type Offer, offersFor } from './fetch-tool.ts';
import { inPlace, removeLeftovers } from './in-place.ts';
import { cached } from './locate.ts';
import { withLock } from './lock.ts';
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

interface Making extends Building {
  readonly limits: WebLimits;
  readonly offers: ReadonlyMap<ToolName, Offer>;
  readonly estimate: Estimate;
  /** The work of each tool that is built. */
  readonly work: Map<ToolName, Work>;
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
    onAdvance: ({ name }, fraction) => work.get(name)?.advance(fraction),
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
  const place = dirname(toolFolder(first));
  const lockFile = join(place, `${first.recipe.folder}.lock`);
  const onWait = (holder: string): void => {
    making.progress.note(`${group.map(({ name }) => name).join(', ')}: waiting for ${holder}, which makes it`);
  };
  try {
    return await withLock(lockFile, makeMissing, { signal: making.signal, onWait });
  } catch (error) {
    throw explained(error);
  }

  async function makeMissing(): Promise<ReadonlyMap<ToolName, string>> {
    await removeLeftovers(place, group.flatMap(leftoversOf));
    // Another process may have made some while this one waited for the lock.
    const missing = group.filter((tool) => cached(tool) === undefined);
    const downloaded = await Promise.all(missing.map(async (tool) => [tool, await tryDownload(tool, making)] as const));
    const rest = downloaded.filter(([, ok]) => !ok).map(([tool]) => tool);
    if (rest.some(({ name }) => making.offers.has(name))) await requireToolchains(rest);
    for (const { name, buildCpuSeconds } of rest) {
      if (!making.work.has(name)) making.work.set(name, making.estimate.add(buildCpuSeconds));
    }
    await buildTools(rest, making);
    for (const { name } of group) making.work.get(name)?.advance(1);
    return new Map(group.map((tool) => [tool.name, executableIn(toolFolder(tool), tool)]));
  }
}

/** Beginnings of the names of what a process that was killed may have left of a tool. */
function leftoversOf(tool: Tool): readonly string[] {
  const name = basename(toolFolder(tool));
  return [`${name}.making-`, `${name}.download.unpacked`, `${tool.recipe.folder}.building-`];
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
  const from = `downloading from ${offer.host}`;
  try {
    await withPiece(making.progress, `${tool.name} ${tool.version}`, from, (piece) =>
      inPlace(toolFolder(tool), (folder) =>
        fetchTool(tool, offer, folder, {
          signal: making.signal,
          limits: making.limits,
          onBytes: (bytes, total) => {
            const of = total === undefined ? '' : ` of ${megabytes(total)}`;
            piece.update(`${from}, ${megabytes(bytes)}${of} MB`);
          },
        }),
      ),
    );
    return true;
  } catch (error) {
    making.signal?.throwIfAborted();
    if (!(error instanceof DownloadFailed)) throw error;
    making.progress.note(`${tool.name} is built instead: ${messageOf(error)}`);
    return false;
  }
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
