/** Installs tools that are Python or Java packages into a folder. */
import { chmod, copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Recipe, Tool } from '../versions.ts';
import { executableIn, pinnedFolder } from './cache.ts';
import { runBuildCommand } from './run-build-command.ts';

/** Where a package is installed. */
export interface InstallTarget {
  /** Empty; renamed to its name in the cache afterwards. */
  readonly folder: string;
  readonly logFile: string;
  readonly signal?: AbortSignal | undefined;
}

/** Installs the pinned packages into a virtual environment, and beside it the script that they run. @throws LocalStackError */
export async function installPython(
  tool: Tool,
  recipe: Extract<Recipe, { kind: 'python' }>,
  target: InstallTarget,
): Promise<void> {
  const pinned = pinnedFolder(tool);
  await installRequirements(`${tool.name} ${tool.version}`, pinned, target);
  await copyFile(join(pinned, recipe.script), join(target.folder, recipe.script));
  const line = `exec "$here/venv/bin/python" "$here/${recipe.script}" "$@"`;
  await writeWrapper(executableIn(target.folder, tool), line);
}

/** Installs a `requirements.txt` into the virtual environment `venv` of the folder. @throws LocalStackError */
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
      'The log names the package that could not be installed. pip needs access to PyPI, or to a mirror by its own settings.',
  });
}

/** Installs the jar and its dependencies. @throws LocalStackError */
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
      'The log names the missing artifact. Maven needs access to Maven Central, or to a mirror by its own settings.',
  });
  await writeWrapper(executableIn(target.folder, tool), `exec java -cp "$here/jars/*" ${recipe.mainClass} "$@"`);
}

/** The script refers to files beside it, so that the folder can be renamed. */
async function writeWrapper(file: string, line: string): Promise<void> {
  await writeFile(file, `#!/bin/sh\nhere=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)\n${line}\n`);
  await chmod(file, 0o755);
}
