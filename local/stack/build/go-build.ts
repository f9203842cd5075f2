/** Builds programs of one Go module by one call of the compiler, so that shared packages are compiled once. */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Recipe, Tool } from '../versions.ts';
import { pinnedFolder } from './cache.ts';
import { runBuildCommand } from './run-build-command.ts';

/** A tool with a recipe for Go. */
export type GoTool = Tool & { readonly recipe: Extract<Recipe, { kind: 'go' }> };

/** One build. */
export interface GoBuild {
  /** Programs of one module. */
  readonly tools: readonly [GoTool, ...GoTool[]];
  /** Path of the go command. */
  readonly go: string;
  readonly logFile: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Environment of the compiler. No package needs cgo. Less garbage collection saves a tenth of the CPU time; omitting debug
 * information, which the linker removes anyway, saves another tenth.
 */
export const GO_ENVIRONMENT = { GOFLAGS: '-mod=readonly', GOWORK: 'off', CGO_ENABLED: '0', GOGC: '400' } as const;
const BUILD_FLAGS = ['-trimpath', '-buildvcs=false', '-gcflags=all=-dwarf=false', '-ldflags'] as const;

const POLL_INTERVAL_MS = 1_000;
const FAILURE_HINT =
  'The log names the cause. Go needs access to its module proxy (GOPROXY), or set CERTMAN_LOCAL_<NAME> to an executable.';

/** Packages that a build has started to compile; lines with `go:` are messages of the go command. */
function packagesIn(output: string): readonly string[] {
  return output.split('\n').filter((line) => /^[\w.~-]+(\/[\w.~+-]+)*$/.test(line));
}

/**
 * Fetches every module that the build needs.
 * @returns the number of packages that are not compiled yet. @throws LocalStackError
 */
export async function fetchModules(build: GoBuild): Promise<number> {
  const listFile = `${build.logFile}.packages`;
  try {
    const stale = ['-f', '{{if .Stale}}{{.ImportPath}}{{end}}'];
    await runGo(build, ['list', '-deps', ...flagsOf(build.tools), ...stale, ...packagePaths(build.tools)], listFile);
    return packagesIn(await readFile(listFile, 'utf8')).length;
  } finally {
    await rm(listFile, { force: true });
  }
}

/**
 * Builds the programs into a folder. An interrupted build continues with Go's build cache.
 * @param onCompiled called with the number of packages that this build has started to compile.
 * @returns the path of each executable. @throws LocalStackError
 */
export async function buildPrograms(
  build: GoBuild,
  folder: string,
  onCompiled: (packages: number) => void,
): Promise<ReadonlyMap<GoTool, string>> {
  const temporary = join(folder, 'tmp');
  await mkdir(temporary);
  await rm(build.logFile, { force: true });
  const readLog = async (): Promise<void> => {
    onCompiled(packagesIn(await readFile(build.logFile, 'utf8')).length);
  };
  // The log exists once the compiler has started; until then there is no progress to show.
  const reads = setInterval(() => void readLog().catch(() => undefined), POLL_INTERVAL_MS);
  try {
    const args = ['build', '-v', ...flagsOf(build.tools), '-o', `${folder}/`, ...packagePaths(build.tools)];
    // In the folder, so that a killed build leaves no files elsewhere.
    await runGo(build, args, build.logFile, { GOTMPDIR: temporary });
  } finally {
    clearInterval(reads);
  }
  return new Map(build.tools.map((tool) => [tool, join(folder, programName(tool.recipe.package))]));
}

function flagsOf(tools: readonly GoTool[]): readonly string[] {
  const stamps = Object.assign({}, ...tools.map(({ recipe }) => recipe.stamps)) as GoTool['recipe']['stamps'];
  const tags = new Set(tools.flatMap(({ recipe }) => recipe.tags ?? []));
  return [...(tags.size === 0 ? [] : ['-tags', [...tags].join(',')]), ...goFlags(stamps)];
}

/** Flags of `go build` and `go list`; the same for all programs, so that shared packages are compiled once. */
export function goFlags(stamps: GoTool['recipe']['stamps']): readonly string[] {
  const linked = Object.entries(stamps).map(([name, value]) => `-X ${name}=${value}`);
  return [...BUILD_FLAGS, ['-s -w', ...linked].join(' ')];
}

/** Name of the executable of `go build`: the last element of the package path that is not a major version. */
export function programName(path: string): string {
  const elements = path.split('/');
  const last = elements.at(-1) ?? path;
  return /^v\d+$/.test(last) ? (elements.at(-2) ?? last) : last;
}

function packagePaths(tools: readonly GoTool[]): readonly string[] {
  return tools.map(({ recipe }) => recipe.package);
}

async function runGo(
  build: GoBuild,
  args: readonly string[],
  logFile: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<void> {
  await runBuildCommand({
    what: build.tools.map(({ name, version }) => `${name} ${version}`).join(', '),
    command: build.go,
    args,
    cwd: pinnedFolder(build.tools[0]),
    environment: { ...GO_ENVIRONMENT, ...environment },
    logFile,
    remedy: FAILURE_HINT,
    signal: build.signal,
  });
}
