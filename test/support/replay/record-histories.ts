/**
 * Records the histories of the newest shape, which test/workflows/replay.test.ts replays: `npm run record-histories`. To be
 * run when a life is added, and when commands of workflows change that run nowhere yet. The recordings of earlier shapes are
 * of workflows that still run: this never touches them.
 */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { bundleWorkflowCode, DefaultLogger, Runtime, type WorkflowBundle } from '@temporalio/worker';
import { Argument, Command } from 'commander';
import pLimit from 'p-limit';
import { executable } from '../../../local/stack/build/executables.ts';
import { SEARCH_ATTRIBUTES } from '../../../src/contract/cluster-certificates.ts';
import { PRELOAD_MODULES, WORKFLOWS_PATH } from '../../../src/worker/workflow-code.ts';
import { RECORDER, type RecordedRun, recordScenario } from './record-scenario.ts';
import { historyFolder } from './recorded-histories.ts';
import { scenariosOf } from './recorded-scenarios.ts';
import type { HistoryScenario } from './scenarios/scenario.ts';
import { EARLIER_SHAPES, NEWEST_SHAPE } from './shapes.ts';

const MAX_CONCURRENCY = 6;
const SCENARIOS = scenariosOf(NEWEST_SHAPE);

await new Command('record-histories')
  .description(
    `Lives the lives of test/support/replay/scenarios on a Temporal server and writes their histories to test/histories/${NEWEST_SHAPE}.\n` +
      `The folders of earlier shapes (${EARLIER_SHAPES.join(', ')}) are left as they are.`,
  )
  .addArgument(new Argument('[life...]', 'only these').choices(SCENARIOS.map(({ name }) => name)).default([], 'all'))
  .action(async (names: readonly string[]) => {
    const lives = names.length === 0 ? SCENARIOS : SCENARIOS.filter(({ name }) => names.includes(name));
    const recordings = await record(lives);
    await writeRecordings(recordings, lives);
    process.stdout.write(`${recordings.length} histories of ${lives.length} lives in test/histories/${NEWEST_SHAPE}\n`);
  })
  .parseAsync();

/** One server for all lives that need nothing special of it. */
async function record(lives: readonly HistoryScenario[]): Promise<readonly RecordedRun[]> {
  // The paths of this machine are nobody's business, and change with it.
  Error.stackTraceLimit = 0;
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: { logging: { filter: { core: 'ERROR', other: 'ERROR' } } },
  });
  const code = await bundleWorkflowCode({
    workflowsPath: WORKFLOWS_PATH,
    preloadModules: [...PRELOAD_MODULES],
    logger: new DefaultLogger('ERROR'),
  });
  const recordings: RecordedRun[] = [];
  for (const freshRunAfter of new Set(lives.map((life) => life.continueAsNewAfter))) {
    const alike = lives.filter((life) => life.continueAsNewAfter === freshRunAfter);
    recordings.push(...(await recordOnOneServer(alike, code, freshRunAfter)));
  }
  return recordings;
}

async function recordOnOneServer(
  lives: readonly HistoryScenario[],
  code: WorkflowBundle,
  freshRunAfter: number | undefined,
): Promise<readonly RecordedRun[]> {
  const env = await TestWorkflowEnvironment.createLocal({
    server: {
      executable: { type: 'existing-path', path: await executable('temporal') },
      searchAttributes: [...SEARCH_ATTRIBUTES],
      log: { format: 'pretty', level: 'error' },
      extraArgs:
        freshRunAfter === undefined
          ? []
          : [`--dynamic-config-value=limit.historyCount.suggestContinueAsNew=${freshRunAfter}`],
    },
    client: { identity: RECORDER },
  });
  try {
    const limit = pLimit(MAX_CONCURRENCY);
    const recordings = lives.map((life) => limit(() => recordScenario(env, code, life)));
    // No worker may still run when the server is taken away.
    await Promise.allSettled(recordings);
    return (await Promise.all(recordings)).flat();
  } finally {
    await env.teardown();
  }
}

/** Only once all went well: half a recording is none. Of lives that are no more nothing is kept. */
async function writeRecordings(recordings: readonly RecordedRun[], lives: readonly HistoryScenario[]): Promise<void> {
  const folder = historyFolder(NEWEST_SHAPE);
  await mkdir(folder, { recursive: true });
  for (const file of await readdir(folder)) {
    const life = file.split('.')[0];
    const isOutdated = lives.some(({ name }) => name === life) || !SCENARIOS.some(({ name }) => name === life);
    if (isOutdated && file.endsWith('.json')) await rm(join(folder, file));
  }
  for (const { file, json } of recordings) await writeFile(join(folder, file), `${JSON.stringify(json)}\n`);
}
