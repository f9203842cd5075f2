/**
 * Records the histories that test/workflows/replay.test.ts replays: `npm run record-histories`. Only for a new scenario, or for
 * commands that no workflow in production has used yet; histories of other shapes are never written.
 */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, type WorkflowBundle } from '@temporalio/worker';
import { Argument, Command } from 'commander';
import pLimit from 'p-limit';
import { executable } from '../../../local/stack/build/executables.ts';
import { SEARCH_ATTRIBUTES } from '../../../src/contract/search-attributes.ts';
import { bundleWorkflows } from './bundle-workflows.ts';
import { RECORDER, type RecordedRun, recordScenario } from './record-scenario.ts';
import { historyFolder, NEWEST_SHAPE } from './recorded-histories.ts';
import { SCENARIOS } from './scenarios/index.ts';
import type { HistoryScenario } from './scenarios/scenario.ts';

const MAX_CONCURRENCY = 6;

await new Command('record-histories')
  .description(
    `Runs the scenarios of test/support/replay/scenarios on a Temporal server and writes their histories to test/histories/${NEWEST_SHAPE}.`,
  )
  .addArgument(
    new Argument('[scenario...]', 'only these').choices(SCENARIOS.map(({ name }) => name)).default([], 'all'),
  )
  .action(async (names: readonly string[]) => {
    const scenarios = names.length === 0 ? SCENARIOS : SCENARIOS.filter(({ name }) => names.includes(name));
    const recordings = await record(scenarios);
    await writeRecordings(recordings, scenarios);
    process.stdout.write(
      `${recordings.length} histories of ${scenarios.length} scenarios in test/histories/${NEWEST_SHAPE}\n`,
    );
  })
  .parseAsync();

/** Scenarios that need the same server settings share a server. */
async function record(scenarios: readonly HistoryScenario[]): Promise<readonly RecordedRun[]> {
  // Stack traces would put this machine's paths into the histories.
  Error.stackTraceLimit = 0;
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: { logging: { filter: { core: 'ERROR', other: 'ERROR' } } },
  });
  const code = await bundleWorkflows('present');
  const recordings: RecordedRun[] = [];
  for (const continueAsNewAfter of new Set(scenarios.map((scenario) => scenario.continueAsNewAfter))) {
    const alike = scenarios.filter((scenario) => scenario.continueAsNewAfter === continueAsNewAfter);
    recordings.push(...(await recordOnOneServer(alike, code, continueAsNewAfter)));
  }
  return recordings;
}

async function recordOnOneServer(
  scenarios: readonly HistoryScenario[],
  code: WorkflowBundle,
  continueAsNewAfter: number | undefined,
): Promise<readonly RecordedRun[]> {
  const env = await TestWorkflowEnvironment.createLocal({
    server: {
      executable: { type: 'existing-path', path: await executable('temporal') },
      searchAttributes: [...SEARCH_ATTRIBUTES],
      log: { format: 'pretty', level: 'error' },
      extraArgs:
        continueAsNewAfter === undefined
          ? []
          : [`--dynamic-config-value=limit.historyCount.suggestContinueAsNew=${continueAsNewAfter}`],
    },
    client: { identity: RECORDER },
  });
  try {
    const limit = pLimit(MAX_CONCURRENCY);
    const recordings = scenarios.map((scenario) => limit(() => recordScenario(env, code, scenario)));
    // Every worker must have stopped before the server does.
    await Promise.allSettled(recordings);
    return (await Promise.all(recordings)).flat();
  } finally {
    await env.teardown();
  }
}

/** Called once every scenario has succeeded. Removes recordings of scenarios that no longer exist. */
async function writeRecordings(
  recordings: readonly RecordedRun[],
  scenarios: readonly HistoryScenario[],
): Promise<void> {
  const folder = historyFolder(NEWEST_SHAPE);
  await mkdir(folder, { recursive: true });
  for (const file of await readdir(folder)) {
    const scenario = file.split('.')[0];
    const isOutdated =
      scenarios.some(({ name }) => name === scenario) || !SCENARIOS.some(({ name }) => name === scenario);
    if (isOutdated && file.endsWith('.json')) await rm(join(folder, file));
  }
  for (const { file, json } of recordings) await writeFile(join(folder, file), `${JSON.stringify(json)}\n`);
}
