/** Runs a scenario on a Temporal server and fetches the histories of all its runs. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker, type WorkflowBundle } from '@temporalio/worker';
import { issuanceSinks } from '../../../src/observability/tracing/tracing.ts';
import { historyToJson } from '../temporal/history-json.ts';
import { ActivityDoubles } from '../workflows/activity-doubles.ts';
import type { HistoryScenario } from './scenarios/scenario.ts';

/** Identity of client and worker in every history, in place of the machine's name. */
export const RECORDER = 'recorder';

const WORKFLOW_TYPES = [
  'clusterCertificates',
  'certificateIssuance',
  'managementClusterWatch',
  'caBudget',
  'renewalCampaign',
  'campaignWave',
];

/** Visibility is written after the executions. */
const VISIBILITY_DELAY_MS = 2_000;

/** A run as it is written to a file. */
export interface RecordedRun {
  /** `<scenario>.<run>.<workflow type>.json` */
  readonly file: string;
  readonly json: unknown;
}

/** Runs a scenario with a worker on a task queue of its own. @returns its runs, oldest first. */
export async function recordScenario(
  { client, nativeConnection }: TestWorkflowEnvironment,
  workflowBundle: WorkflowBundle,
  scenario: HistoryScenario,
): Promise<readonly RecordedRun[]> {
  const doubles = new ActivityDoubles(() => Promise.resolve(Date.now()));
  const taskQueue = scenario.name;
  const worker = await Worker.create({
    connection: nativeConnection,
    taskQueue,
    identity: RECORDER,
    workflowBundle,
    activities: doubles.activities(),
    sinks: issuanceSinks(undefined),
    maxHeartbeatThrottleInterval: '1 second',
    shutdownGraceTime: '2 seconds',
  });
  return await worker.runUntil(async () => {
    const ids = await withScenarioName(scenario, () => scenario.run({ client, doubles, taskQueue }));
    const runs = await runsOf(client, taskQueue);
    if (!ids.every((id) => runs.some(({ workflowId }) => workflowId === id))) {
      throw new Error(`${scenario.name}: not all of ${ids.join(', ')} are listed`);
    }
    return await Promise.all(
      runs.map(async ({ workflowId, runId, type }, index) => {
        const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
        return { file: `${scenario.name}.${index + 1}.${type}.json`, json: withoutStackTraces(historyToJson(history)) };
      }),
    );
  });
}

/** Puts the scenario's name before the message of an error. */
async function withScenarioName<T>({ name }: HistoryScenario, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** All runs of a scenario, oldest first. */
async function runsOf(client: Client, taskQueue: string) {
  await sleep(VISIBILITY_DELAY_MS);
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

function withoutStackTraces(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutStackTraces);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([key]) => key !== 'stackTrace');
  return Object.fromEntries(kept.map(([key, inner]) => [key, withoutStackTraces(inner)]));
}
