/** Builds a Debian root file system with debootstrap and caches it as an archive. */
import { existsSync } from 'node:fs';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from '../../../local/stack/build/cache.ts';
import { withLock } from '../../../local/stack/build/lock-file.ts';
import { runCommand } from '../engine/run-command.ts';

const SUITE = 'bookworm';
const DEFAULT_MIRROR = 'http://deb.debian.org/debian';
/** Not ca-certificates: the published Node.js image lacks it, and the Dockerfile installs it. */
const PACKAGES = ['python3-venv'];
const BUILD_TIMEOUT_MS = 30 * 60_000;

/** @returns path of a compressed tar archive. */
export async function debianRootFileSystem(): Promise<string> {
  const place = join(cacheFolder(), `${process.platform}-${process.arch}`);
  const archive = join(place, `debian-${SUITE}-${PACKAGES.join('-')}.tar.gz`);
  await withLock(`${archive}.lock`, async () => {
    if (existsSync(archive)) return;
    const folder = await mkdtemp(`${archive}.building-`);
    try {
      const root = join(folder, 'root');
      const include = `--include=${PACKAGES.join(',')}`;
      await runCommand('debootstrap', ['--variant=minbase', include, SUITE, root, await mirror()], {
        timeoutMs: BUILD_TIMEOUT_MS,
      });
      for (const leftOver of ['var/cache/apt/archives', 'var/lib/apt/lists']) {
        await rm(join(root, leftOver), { recursive: true, force: true });
      }
      const made = join(folder, 'root.tar.gz');
      await runCommand('tar', ['--create', '--gzip', '--file', made, '--directory', root, '--one-file-system', '.'], {
        timeoutMs: BUILD_TIMEOUT_MS,
      });
      await rename(made, archive);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
  return archive;
}

/** @returns the Debian mirror of this machine's package sources, if there is one. */
async function mirror(): Promise<string> {
  try {
    const targets = ['indextargets', '--format', '$(RELEASE) $(COMPONENT) $(SITE)', 'Created-By: Packages'];
    const listed = await runCommand('apt-get', targets);
    return new RegExp(`^${SUITE} main (\\S+)$`, 'm').exec(listed)?.[1] ?? DEFAULT_MIRROR;
  } catch {
    // debootstrap can be installed without apt.
    return DEFAULT_MIRROR;
  }
}
