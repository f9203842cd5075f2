/** How each kind of tool is built, into a folder that is then moved in place. */

import { accessSync, constants } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { LocalProblem } from '../problem.ts';
import { spawnGuarded } from '../process/guarded-process.ts';
import { lastLines } from '../process/log-tail.ts';
import type { Tool } from '../versions.ts';
import { executableIn, pinnedFolder } from './cache.ts';

export interface Workplace {
  /** Empty folder that the tool is built in. */
  readonly folder: string;
  readonly logFile: string;
  readonly signal?: AbortSignal | undefined;
}

/** Builds a tool in a folder. @throws LocalProblem naming the tool, what was run and what to install. */
export async function buildIn(tool: Tool, place: Workplace): Promise<void> {
  const { recipe } = tool;
  const pinned = pinnedFolder(tool);
  const target = executableIn(place.folder, tool);
  switch (recipe.kind) {
    case 'go': {
      const stamps = Object.entries(recipe.stamps).map(([name, value]) => `-X ${name}=${value}`);
      const flags = ['-trimpath', '-buildvcs=false', '-ldflags', ['-s -w', ...stamps].join(' ')];
      const install =
        'Install Go 1.21 or newer (https://go.dev/dl/); it fetches the release that the module needs by itself.';
      const environment = { GOFLAGS: '-mod=readonly' };
      await run(tool, place, {
        command: 'go',
        args: ['build', ...flags, '-o', target, recipe.package],
        cwd: pinned,
        environment,
        install,
      });
      return;
    }
    case 'python': {
      const install = 'Install Python 3.10 or newer with its venv module (Debian: apt-get install python3-venv).';
      const venv = join(place.folder, 'venv');
      await run(tool, place, { command: 'python3', args: ['-m', 'venv', venv], cwd: pinned, install });
      const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', 'requirements.txt'];
      await run(tool, place, {
        command: join(venv, 'bin', 'python'),
        args: pip,
        cwd: pinned,
        install: 'See the log for the package that could not be installed.',
      });
      await writeWrapper(target, `exec "$here/venv/bin/python" -m ${recipe.module} "$@"`);
      return;
    }
    case 'maven': {
      const install = 'Install Maven and a Java runtime 17 or newer (Debian: apt-get install maven).';
      const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${join(place.folder, 'jars')}`];
      await run(tool, place, {
        command: 'mvn',
        args: ['--batch-mode', '--quiet', '-f', join(pinned, 'pom.xml'), ...goal],
        cwd: place.folder,
        install,
      });
      await writeWrapper(target, `exec java -cp "$here/jars/*" ${recipe.mainClass} "$@"`);
      return;
    }
  }
}

/** Finds its neighbours wherever the folder is moved to. */
async function writeWrapper(file: string, line: string): Promise<void> {
  await writeFile(file, `#!/bin/sh\nhere=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)\n${line}\n`);
  await chmod(file, 0o755);
}

interface Step {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly install: string;
}

async function run(tool: Tool, place: Workplace, step: Step): Promise<void> {
  const what = `${tool.name} ${tool.version}`;
  if (onPath(step.command) === undefined) {
    throw new LocalProblem({
      message: `${what} is not in the cache and cannot be built: there is no ${step.command} on the PATH.`,
      next: `${step.install} Or set CERTMAN_LOCAL_${constantName(tool.name)} to an executable of that version.`,
    });
  }
  const running = await spawnGuarded({
    command: step.command,
    args: step.args,
    cwd: step.cwd,
    environment: { ...process.env, ...step.environment },
    logFile: place.logFile,
  });
  const abort = (): void => void running.kill();
  place.signal?.addEventListener('abort', abort, { once: true });
  // Its end alone does not keep this process waiting for it.
  const stay = setInterval(() => undefined, 60_000);
  try {
    await running.end;
  } finally {
    clearInterval(stay);
    place.signal?.removeEventListener('abort', abort);
  }
  place.signal?.throwIfAborted();
  if (running.ended() === 'code 0') return;
  const lines = (await lastLines(place.logFile)).map((line) => `  ${line}`).join('\n');
  throw new LocalProblem({
    message: `Building ${what} failed: ${step.command} ${step.args[0] ?? ''} ended with ${running.ended()}. Log: ${place.logFile}. Its last lines:\n${lines}`,
    next: step.install,
  });
}

/** `kube-apiserver` → `KUBE_APISERVER` */
export function constantName(name: string): string {
  return name.toUpperCase().replaceAll('-', '_');
}

/** Where a command is on the PATH. */
export function onPath(command: string): string | undefined {
  const candidates = command.includes('/')
    ? [command]
    : (process.env['PATH'] ?? '')
        .split(delimiter)
        .filter((folder) => folder !== '')
        .map((folder) => join(folder, command));
  return candidates.find((file) => isExecutable(file));
}

export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
