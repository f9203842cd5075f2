/** Builds tools from their pinned sources: programs of one Go module, Python packages, Java packages. */
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { LimitFunction } from 'p-limit';
import { type Progress, withProgress } from '../progress.ts';
import type { Tool } from '../versions.ts';
import { createFolderAtomically, executableIn, toolFolder } from './cache.ts';
import { buildPrograms, fetchModules, type GoTool } from './go-build.ts';
import { goCommand } from './go-toolchain.ts';
import { type InstallTarget, installMaven, installPython } from './install-packages.ts';

/** What the builds of one call share. */
export interface BuildContext {
  readonly progress: Progress;
  readonly signal: AbortSignal | undefined;
  /** Runs one Go build at a time: each uses every core, and two would both compile the standard library. */
  readonly compiling: LimitFunction;
  readonly fetching: LimitFunction;
  /** Called with the fraction of a tool's build that is done. */
  readonly onAdvance: (tool: Tool, fraction: number) => void;
}

/**
 * Builds tools that share one folder of pinned files into the cache.
 * @throws LocalStackError with the last lines of the log.
 */
export async function buildTools(tools: readonly Tool[], context: BuildContext): Promise<void> {
  const goTools = tools.filter((tool): tool is GoTool => tool.recipe.kind === 'go');
  const [first, ...others] = goTools;
  if (first !== undefined) await buildGoTools([first, ...others], context);
  for (const tool of tools) {
    const { recipe } = tool;
    if (recipe.kind === 'go') continue;
    const install = (target: InstallTarget): Promise<void> =>
      recipe.kind === 'python' ? installPython(tool, recipe, target) : installMaven(tool, recipe, target);
    await installPackages(tool, install, context);
  }
}

async function installPackages(
  tool: Tool,
  install: (target: InstallTarget) => Promise<void>,
  { progress, signal }: BuildContext,
): Promise<void> {
  const logFile = `${toolFolder(tool)}.log`;
  await withProgress(progress, `${tool.name} ${tool.version}`, 'installing its packages', async () => {
    await rm(logFile, { force: true });
    await createFolderAtomically(toolFolder(tool), (folder) => install({ folder, logFile, signal }));
  });
}

async function buildGoTools(tools: readonly [GoTool, ...GoTool[]], context: BuildContext): Promise<void> {
  const { progress, signal } = context;
  const [{ version, recipe }] = tools;
  const logFile = `${toolFolder(tools[0])}.log`;
  const names = tools.map(({ name }) => name).join(', ');
  await mkdir(dirname(logFile), { recursive: true });
  const plan = { tools, go: await goCommand({ progress, signal }), logFile, signal };
  const total = await context.fetching(() =>
    withProgress(progress, names, 'fetching modules', () => fetchModules(plan)),
  );
  await context.compiling(() =>
    withProgress(progress, `${names} ${version}`, `building, ${total} packages`, async (item) => {
      const workFolder = await mkdtemp(join(dirname(logFile), `${recipe.folder}.building-`));
      try {
        const programs = await buildPrograms(plan, workFolder, (compiled) => {
          item.update(`${Math.min(compiled, total)} of ${total} packages`);
          for (const tool of tools) context.onAdvance(tool, compiled / Math.max(total, 1));
        });
        for (const [tool, program] of programs) {
          await createFolderAtomically(toolFolder(tool), (folder) => rename(program, executableIn(folder, tool)));
        }
        await rm(logFile, { force: true });
      } finally {
        await rm(workFolder, { recursive: true, force: true });
      }
    }),
  );
}
