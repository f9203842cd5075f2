/** How the parts that are Python or Java packages are installed into a folder. */
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Recipe, Tool } from '../versions.ts';
import { executableIn, pinnedFolder } from './cache.ts';
import { runBuildCommand } from './run-build-command.ts';

export interface InstallTarget {
  /** Empty folder, moved to its place in the cache afterwards. */
  readonly folder: string;
  readonly logFile: string;
  readonly signal?: AbortSignal | undefined;
}

/** A virtual environment with the pinned packages. @throws LocalStackError. */
export async function installPython(
  tool: Tool,
  recipe: Extract<Recipe, { kind: 'python' }>,
  target: InstallTarget,
): Promise<void> {
  await installRequirements(`${tool.name} ${tool.version}`, pinnedFolder(tool), target);
  await writeWrapper(executableIn(target.folder, tool), `exec "$here/venv/bin/python" -m ${recipe.module} "$@"`);
}

/** Installs a `requirements.txt` into the virtual environment `venv` of the workplace. @throws LocalStackError. */
export async function installRequirements(what: string, pinned: string, target: InstallTarget): Promise<void> {
  const venv = join(target.folder, 'venv');
  const { logFile, signal } = target;
  await runBuildCommand({
    what,
    command: 'python3',
    args: ['-m', 'venv', venv],
    cwd: pinned,
    logFile,
    signal,
    remedy: 'Install Python 3.10 or newer with its venv module (Debian: apt-get install python3-venv).',
  });
  await runBuildCommand({
    what,
    command: join(venv, 'bin', 'python'),
    environment: { TMPDIR: target.folder },
    args: ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', 'requirements.txt'],
    cwd: pinned,
    logFile,
    signal,
    remedy:
      'The log names the package that could not be installed. pip needs a way to PyPI, or its own settings for a mirror.',
  });
}

/** The jar and all it depends on. @throws LocalStackError. */
export async function installMaven(
  tool: Tool,
  recipe: Extract<Recipe, { kind: 'maven' }>,
  target: InstallTarget,
): Promise<void> {
  const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${join(target.folder, 'jars')}`];
  await runBuildCommand({
    what: `${tool.name} ${tool.version}`,
    command: 'mvn',
    args: ['--batch-mode', '--quiet', '-f', join(pinnedFolder(tool), 'pom.xml'), ...goal],
    cwd: target.folder,
    logFile: target.logFile,
    signal: target.signal,
    remedy:
      'The log names the artifact that could not be had. Maven needs a way to Maven Central, or its own settings for a mirror.',
  });
  await writeWrapper(executableIn(target.folder, tool), `exec java -cp "$here/jars/*" ${recipe.mainClass} "$@"`);
}

/** Finds its neighbours wherever the folder is moved to. */
async function writeWrapper(file: string, line: string): Promise<void> {
  await writeFile(file, `#!/bin/sh\nhere=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)\n${line}\n`);
  await chmod(file, 0o755);
}
