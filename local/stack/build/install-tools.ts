/** Installs missing tools: downloads those that publishers offer and builds the others, in parallel. */

import { basename, dirname, join } from 'node:path';
import pLimit from 'p-limit';
import { counted } from '../../../src/failures/counted.ts';
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

/** Options of {@link installTools}. */
export interface InstallOptions {
  /** Default: on standard error. */
  readonly progress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
  /** For requests to publishers. */
  readonly limits?: HttpTimeouts;
}

/** Two at once use the network and leave the CPU to the compiler. */
const MAX_CONCURRENT_MODULE_FETCHES = 2;
const ESTIMATE_INTERVAL_MS = 1_000;
/** Errors of the file system that concern the cache as a whole. */
const UNWRITABLE: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT', 'ENOTDIR']);

interface InstallContext extends BuildContext {
  readonly limits: HttpTimeouts;
  readonly offers: ReadonlyMap<ToolName, ToolDownload>;
  readonly estimate: Estimate;
  /** The task of each tool that is built. */
  readonly work: Map<ToolName, EstimatedTask>;
}

/**
 * Starts to install tools.
 * @returns a promise of the path of each executable.
 * @throws LocalStackError naming every missing toolchain, before anything is downloaded or built.
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
  // The quickest first: the compiler works while the modules of the large ones are fetched.
  for (const group of groupsOf(tools)) {
    const paths = installGroup(group, context);
    for (const { name } of group) {
      const path = paths.then((all) => requireEntry(all, name));
      // The caller awaits each; a rejection while others are awaited is not unhandled.
      path.catch(() => undefined);
      made.set(name, path);
    }
  }
  void showEstimate([...made.values()], estimate, progress);
  return made;
}

/** Tools of one folder of pinned files are installed together. */
function groupsOf(tools: readonly Tool[]): readonly (readonly Tool[])[] {
  const groups = Map.groupBy(tools, ({ recipe }) => recipe.folder);
  const cost = (group: readonly Tool[]): number => group.reduce((sum, { buildCpuSeconds }) => sum + buildCpuSeconds, 0);
  return [...groups.values()].toSorted((one, other) => cost(one) - cost(other));
}

/** The value of a tool that is in the map by construction. @throws LocalStackError */
export function requireEntry<Value>(made: ReadonlyMap<ToolName, Value>, name: ToolName): Value {
  const value = made.get(name);
  if (value === undefined) throw new LocalStackError({ message: `${name} was not installed.` });
  return value;
}

async function showEstimate(made: readonly Promise<string>[], estimate: Estimate, progress: Progress): Promise<void> {
  const remaining = (): string => {
    const seconds = estimate.remainingSeconds();
    return seconds === 0 ? 'downloads take as long as the network needs' : `${aboutSeconds(seconds)} of building left`;
  };
  const item = progress.begin(
    counted(made.length, 'local part'),
    `to download or build once, into ${cacheFolder()}; ${remaining()}`,
  );
  const updates = setInterval(() => item.update(remaining()), ESTIMATE_INTERVAL_MS).unref();
  const all = await Promise.allSettled(made);
  clearInterval(updates);
  if (all.every(({ status }) => status === 'fulfilled')) item.done();
  else item.failed();
}

/** @returns the path of each tool of the group. @throws the first failure, once all of the group have ended. */
async function installGroup(group: readonly Tool[], context: InstallContext): Promise<ReadonlyMap<ToolName, string>> {
  const [first] = group;
  if (first === undefined) return new Map();
  const cacheRoot = dirname(toolFolder(first));
  const lockFile = join(cacheRoot, `${first.recipe.folder}.lock`);
  const onWait = (holder: string): void => {
    context.progress.note(`${group.map(({ name }) => name).join(', ')}: waiting for ${holder}, which installs it`);
  };
  try {
    return await withLock(lockFile, makeMissing, { signal: context.signal, onWait });
  } catch (error) {
    throw explainUnwritableCache(error);
  }

  async function makeMissing(): Promise<ReadonlyMap<ToolName, string>> {
    await removeTemporaryFolders(cacheRoot, group.flatMap(temporaryPrefixesOf));
    // Another process may have installed some while this one waited for the lock.
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

/** Prefixes of temporary folders that a killed process may have left of a tool. */
function temporaryPrefixesOf(tool: Tool): readonly string[] {
  const name = basename(toolFolder(tool));
  return [`${name}.making-`, `${name}.download.unpacked`, `${tool.recipe.folder}.building-`];
}

/** @returns an error with a remedy when the cache cannot be written; any other error unchanged. */
function explainUnwritableCache(error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined || !UNWRITABLE.has(code)) return error;
  return new LocalStackError({
    message: `The cache ${cacheFolder()} cannot be written: ${messageOf(error)}.`,
    remedy: 'Free some space or change its owner, or set CERTMAN_CACHE to the absolute path of another folder.',
    cause: error,
  });
}

/** @returns whether the download succeeded; if not, the tool has to be built. */
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
