/** Puts what is made into the cache as a whole, and clears away what was left half made. */
import { chmod, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Fills a folder beside this one, and moves it here as a whole. @throws what `fill` throws, leaving nothing. */
export async function createFolderAtomically(
  folder: string,
  fill: (workFolder: string) => Promise<void>,
): Promise<void> {
  await mkdir(dirname(folder), { recursive: true });
  const workFolder = await mkdtemp(`${folder}.making-`);
  try {
    await fill(workFolder);
    // mkdtemp keeps others out, and a cache may be shared.
    await chmod(workFolder, 0o755);
    await rm(folder, { recursive: true, force: true });
    await rename(workFolder, folder);
    // What a download has begun is of no use any more.
    await rm(`${folder}.download.part`, { force: true });
  } finally {
    await rm(workFolder, { recursive: true, force: true });
  }
}

/**
 * Removes what processes that were killed have left of {@link createFolderAtomically} and of builds. The lock of what is made has to be
 * held, so that no process works on it.
 * @param beginnings of the names in the folder.
 */
export async function removeTemporaryFolders(folder: string, beginnings: readonly string[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  const left = (await readdir(folder)).filter((name) => beginnings.some((beginning) => name.startsWith(beginning)));
  for (const name of left) await rm(join(folder, name), { recursive: true, force: true });
}
