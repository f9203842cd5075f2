/** Makes the parts that are missing: downloads what publishers offer, builds the rest, both cores busy, nothing twice. */
import { basename, dirname, join } from 'node:path';
import pLimit from 'p-limit';
import { LocalStackError, messageOf } from '../local-stack-error.ts';
import { type Progress, progressOn, withProgress } from '../progress.ts';
import type { Tool, ToolName } from '../versions.ts';
import { type BuildContext, buildTools } from './build-tools.ts';
import { cacheFolder, createFolderAtomically, executableIn, removeTemporaryFolders, toolFolder } from './cache.ts';
import { downloadTool, findDownloads, type ToolDownload } from './download-tool.ts';
import { aboutSeconds, Estimate, type EstimatedTask } from './estimate.ts';
import { DownloadError, HTTP_TIMEOUTS, type HttpTimeouts } from './http-client.ts';
import { cachedExecutable } from './locate-executable.ts';
import { withLock } from './lock-file.ts';
import { requireToolchains } from './toolchains.ts';

export interface InstallOptions {
  /** Default: on standard error. */
  readonly progress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Of requests to publishers. */
  readonly limits?: HttpTimeouts;
}

/** Two lists of packages at once keep the network busy and leave the processor to the compiler. */
const MAX_CONCURRENT_MODULE_FETCHES = 2;
const ESTIMATE_INTERVAL_MS = 1_000;
/** Errors of the file system that are of the cache's place, not of one file. */
const UNWRITABLE: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT', 'ENOTDIR']);

interface InstallContext extends BuildContext {
  readonly limits: HttpTimeouts;
  readonly offers: ReadonlyMap<ToolName, ToolDownload>;
  readonly estimate: Estimate;
  /** The work of each tool that is built. */
  readonly work: Map<ToolName, EstimatedTask>;
}

/**
 * @returns once it is known how each is made, the executable of each, or its failure.
 * @throws LocalStackError naming every toolchain that is missing, before anything is downloaded or built.
 */
export async function installTools(
  tools: readonly Tool[],
  options: InstallOptions,
): Promise<ReadonlyMap<ToolName, Promise<string>>> {
  const { progress = progressOn(process.stderr), signal, limits = HTTP_TIMEOUTS } = options;
  const offers = await findDownloads(tools, { progress, signal, limits });
  await requireToolchains(tools.filter(({ name }) => !offers.has(name)));
  const estimate = new Estimate();
  const built = tools.filter(({ name }) => !offers.has(name));
  const work = new Map(built.map(({ name, buildCpuSeconds }) => [name, estimate.add(buildCpuSeconds)]));
  const context: InstallContext = {
    progress,
    signal,
    limits,
    offers,
    estimate,
    work,
    compiling: pLimit(1),
    fetching: pLimit(MAX_CONCURRENT_MODULE_FETCHES),
    onAdvance: ({ name }, fraction) => work.get(name)?.advance(fraction),
  };
  const made = new Map<ToolName, Promise<string>>();
  // The quickest first: the compiler then works while the modules of the large ones are fetched.
  for (const group of groupsOf(tools)) {
    const paths = installGroup(group, context);
    for (const { name } of group) {
      const path = paths.then((all) => requireEntry(all, name));
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
export function requireEntry<Value>(made: ReadonlyMap<ToolName, Value>, name: ToolName): Value {
  const value = made.get(name);
  if (value === undefined) throw new LocalStackError({ message: `${name} was not made.` });
  return value;
}

async function showEstimate(made: readonly Promise<string>[], estimate: Estimate, progress: Progress): Promise<void> {
  const left = (): string => {
    const seconds = estimate.remainingSeconds();
    return seconds === 0 ? 'downloads take as long as the network needs' : `${aboutSeconds(seconds)} of building left`;
  };
  const item = progress.begin(
    `${made.length} local part${made.length === 1 ? '' : 's'}`,
    `to be fetched or built, this once, into ${cacheFolder()}; ${left()}`,
  );
  const updates = setInterval(() => item.update(left()), ESTIMATE_INTERVAL_MS).unref();
  const all = await Promise.allSettled(made);
  clearInterval(updates);
  if (all.every(({ status }) => status === 'fulfilled')) item.done();
  else item.failed();
}

/** @returns the executable of each tool of the group. @throws the first failure, once all of the group have ended. */
async function installGroup(group: readonly Tool[], context: InstallContext): Promise<ReadonlyMap<ToolName, string>> {
  const [first] = group;
  if (first === undefined) return new Map();
  const cacheRoot = dirname(toolFolder(first));
  const lockFile = join(cacheRoot, `${first.recipe.folder}.lock`);
  const onWait = (holder: string): void => {
    context.progress.note(`${group.map(({ name }) => name).join(', ')}: waiting for ${holder}, which makes it`);
  };
  try {
    return await withLock(lockFile, makeMissing, { signal: context.signal, onWait });
  } catch (error) {
    throw explainUnwritableCache(error);
  }

  async function makeMissing(): Promise<ReadonlyMap<ToolName, string>> {
    await removeTemporaryFolders(cacheRoot, group.flatMap(temporaryPrefixesOf));
    // Another process may have made some while this one waited for the lock.
    const missing = group.filter((tool) => cachedExecutable(tool) === undefined);
    const downloaded = await Promise.all(
      missing.map(async (tool) => [tool, await tryDownload(tool, context)] as const),
    );
    const rest = downloaded.filter(([, ok]) => !ok).map(([tool]) => tool);
    if (rest.some(({ name }) => context.offers.has(name))) await requireToolchains(rest);
    for (const { name, buildCpuSeconds } of rest) {
      if (!context.work.has(name)) context.work.set(name, context.estimate.add(buildCpuSeconds));
    }
    await buildTools(rest, context);
    for (const { name } of group) context.work.get(name)?.advance(1);
    return new Map(group.map((tool) => [tool.name, executableIn(toolFolder(tool), tool)]));
  }
}

/** Beginnings of the names of what a process that was killed may have left of a tool. */
function temporaryPrefixesOf(tool: Tool): readonly string[] {
  const name = basename(toolFolder(tool));
  return [`${name}.making-`, `${name}.download.unpacked`, `${tool.recipe.folder}.building-`];
}

/** @returns an error that says what to do where the cache itself cannot be written; any other as it is. */
function explainUnwritableCache(error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined || !UNWRITABLE.has(code)) return error;
  return new LocalStackError({
    message: `The cache ${cacheFolder()} cannot be written: ${messageOf(error)}.`,
    remedy: 'Make room or give it to this user, or set CERTMAN_CACHE to another folder, by an absolute path.',
    cause: error,
  });
}

/** @returns whether it is in its place now; when not, it has to be built. */
async function tryDownload(tool: Tool, context: InstallContext): Promise<boolean> {
  const offer = context.offers.get(tool.name);
  if (offer === undefined) return false;
  const from = `downloading from ${offer.host}`;
  try {
    await withProgress(context.progress, `${tool.name} ${tool.version}`, from, (item) =>
      createFolderAtomically(toolFolder(tool), (folder) =>
        downloadTool(tool, offer, folder, {
          signal: context.signal,
          limits: context.limits,
          onBytes: (bytes, total) => {
            const of = total === undefined ? '' : ` of ${megabytes(total)}`;
            item.update(`${from}, ${megabytes(bytes)}${of} MB`);
          },
        }),
      ),
    );
    return true;
  } catch (error) {
    context.signal?.throwIfAborted();
    if (!(error instanceof DownloadError)) throw error;
    context.progress.note(`${tool.name} is built instead: ${messageOf(error)}`);
    return false;
  }
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
