/** Provides `docker compose`: the installed plugin if it is recent enough, otherwise one built from pinned sources and cached. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, symlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheFolder, createFolderAtomically, removeTemporaryFolders } from '../../../local/stack/build/cache.ts';
import { GO_ENVIRONMENT, goFlags } from '../../../local/stack/build/go-build.ts';
import { goCommand } from '../../../local/stack/build/go-toolchain.ts';
import { withLock } from '../../../local/stack/build/lock-file.ts';
import { runBuildCommand } from '../../../local/stack/build/run-build-command.ts';
import type { Progress } from '../../../local/stack/progress.ts';
import { tryCommand } from './run-command.ts';

/** First version whose `ps --format json` writes one object per line. */
const MIN_VERSION = [2, 21] as const;
const MODULE = 'github.com/docker/compose/v2';
const SOURCES = fileURLToPath(new URL('../tools/docker-compose', import.meta.url));
const BUILD_TIMEOUT_MS = 45 * 60_000;
/**
 * Installs the plugin in the configuration folder of `DOCKER_CONFIG`.
 * @returns its version and origin.
 */
export async function installComposePlugin(
  environment: Readonly<Record<string, string | undefined>>,
  progress: Progress,
): Promise<string> {
  const installed = await installedVersion(environment);
  if (installed !== undefined && isNewEnough(installed)) return `${installed}, installed`;
  const plugins = join(environment['DOCKER_CONFIG'] ?? '', 'cli-plugins');
  await mkdir(plugins, { recursive: true });
  await symlink(await buildComposePlugin(progress), join(plugins, 'docker-compose'));
  return `${await pinnedVersion()}, built`;
}

async function installedVersion(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> {
  const { code, stdout } = await tryCommand('docker', ['compose', 'version', '--short'], { environment });
  return code === 0 ? stdout.trim() : undefined;
}

function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  return major > MIN_VERSION[0] || (major === MIN_VERSION[0] && minor >= MIN_VERSION[1]);
}

async function pinnedVersion(): Promise<string> {
  const version = new RegExp(`${MODULE} v(\\S+)`).exec(await readFile(join(SOURCES, 'go.mod'), 'utf8'))?.[1];
  if (version === undefined) throw new Error(`${SOURCES}/go.mod does not require ${MODULE}`);
  return version;
}

/** Builds the plugin with Go unless it is cached. @returns path of the executable. @throws LocalStackError */
async function buildComposePlugin(progress: Progress): Promise<string> {
  const version = await pinnedVersion();
  const digest = createHash('sha256')
    .update(await readFile(join(SOURCES, 'go.sum')))
    .digest('hex');
  const place = join(cacheFolder(), `${process.platform}-${process.arch}`);
  const folder = join(place, `docker-compose-${version}-${digest.slice(0, 10)}`);
  const executable = join(folder, 'docker-compose');
  await withLock(`${folder}.lock`, async () => {
    if (existsSync(executable)) return;
    await removeTemporaryFolders(place, [`${basename(folder)}.making-`]);
    const go = await goCommand({ progress });
    await createFolderAtomically(folder, async (made) => {
      await runBuildCommand({
        what: `docker compose ${version}`,
        command: go,
        args: ['build', ...goFlags({ [`${MODULE}/internal.Version`]: `v${version}` }), '-o', made, `${MODULE}/cmd`],
        cwd: SOURCES,
        environment: GO_ENVIRONMENT,
        logFile: `${folder}.log`,
        remedy: 'Or install the plugin, 2.21 or newer: https://docs.docker.com/compose/install/',
        signal: AbortSignal.timeout(BUILD_TIMEOUT_MS),
      });
      await rename(join(made, 'cmd'), join(made, 'docker-compose'));
    });
  });
  return executable;
}
