/**
 * Records the histories that test/workflows/replay.test.ts replays: `npm run record-histories`. To be run when a life is
 * added, and when a change of the workflows is meant to break with what runs (before a first release, or behind a patch).
 */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker, type WorkflowBundle } from '@temporalio/worker';
import pLimit from 'p-limit';
import { executable } from '../../local/build/executables.ts';
import { PRELOADED, WORKFLOWS_PATH } from '../../src/worker/workflow-code.ts';
import { SEARCH_ATTRIBUTES } from '../../workflows/contract.ts';
import { ActivityDoubles } from './activity-doubles.ts';

import { HISTORIES } from './histories.ts';
import { historyToJson } from './history-json.ts';
import { LIVES, type Life } from './recorded-lives.ts';

const WORKFLOW_TYPES = ['clusterCertificates', 'certificateIssuance', 'managementClusterWatch'];
const IDENTITY = 'recorder';
const LIVES_AT_ONCE = 6;

// The paths of this machine are nobody's business, and change with it.
Error.stackTraceLimit = 0;
Runtime.install({
  logger: new DefaultLogger('ERROR'),
  telemetryOptions: { logging: { filter: { core: 'ERROR', other: 'ERROR' } } },
});

const env = await TestWorkflowEnvironment.createLocal({
  server: {
    executable: { type: 'existing-path', path: await executable('temporal') },
    searchAttributes: [...SEARCH_ATTRIBUTES],
    log: { format: 'pretty', level: 'error' },
  },
  client: { identity: IDENTITY },
});
try {
  await mkdir(HISTORIES, { recursive: true });
  for (const file of await readdir(HISTORIES)) await rm(join(HISTORIES, file));
  const workflowBundle = await bundleWorkflowCode({
    workflowsPath: WORKFLOWS_PATH,
    preloadModules: [...PRELOADED],
    logger: new DefaultLogger('ERROR'),
  });
  const limit = pLimit(LIVES_AT_ONCE);
  const recordings = LIVES.map((life) => limit(() => record(env, workflowBundle, life)));
  // No worker may still run when the server is taken away.
  await Promise.allSettled(recordings);
  const recorded = await Promise.all(recordings);
  process.stdout.write(`${recorded.flat().length} histories of ${LIVES.length} lives in test/histories\n`);
} finally {
  await env.teardown();
}

async function record(
  { client, nativeConnection }: TestWorkflowEnvironment,
  workflowBundle: WorkflowBundle,
  life: Life,
): Promise<readonly string[]> {
  const doubles = new ActivityDoubles(() => Promise.resolve(Date.now()));
  const taskQueue = life.name;
  const worker = await Worker.create({
    connection: nativeConnection,
    taskQueue,
    identity: IDENTITY,
    workflowBundle,
    activities: doubles.activities(),
    maxHeartbeatThrottleInterval: '1 second',
    shutdownGraceTime: '2 seconds',
  });
  return await worker.runUntil(async () => {
    const lived = await life.live({ client, doubles, taskQueue });
    const runs = await runsOf(client, taskQueue);
    if (!lived.every((id) => runs.some(({ workflowId }) => workflowId === id))) {
      throw new Error(`${life.name}: not all of ${lived.join(', ')} are listed`);
    }
    return await Promise.all(
      runs.map(async ({ workflowId, runId, type }, index) => {
        const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
        const file = `${life.name}.${index + 1}.${type}.json`;
        await writeFile(join(HISTORIES, file), `${JSON.stringify(withoutTraces(historyToJson(history)))}\n`);
        return file;
      }),
    );
  });
}

/** All runs of a life, the first one first. */
async function runsOf(client: Client, taskQueue: string) {
  // Visibility is written behind the executions.
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  const runs: { readonly workflowId: string; readonly runId: string; readonly type: string; readonly at: number }[] =
    [];
  const types = WORKFLOW_TYPES.map((type) => `'${type}'`).join(', ');
  for await (const run of client.workflow.list({
    query: `TaskQueue = '${taskQueue}' AND WorkflowType IN (${types})`,
  })) {
    runs.push({ workflowId: run.workflowId, runId: run.runId, type: run.type, at: run.startTime.getTime() });
  }
  return runs.sort((one, other) => one.at - other.at);
}

function withoutTraces(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutTraces);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([key]) => key !== 'stackTrace');
  return Object.fromEntries(kept.map(([key, inner]) => [key, withoutTraces(inner)]));
}
