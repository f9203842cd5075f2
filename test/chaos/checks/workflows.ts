/** Whether anything at Temporal hangs, failed, or is where it should not be. */
import {
  type ClusterStatus,
  clusterStatus,
  type DecommissionResult,
} from '../../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId } from '../../../src/contract/ids.ts';
import { UNHANDLED_COMMAND } from '../../support/temporal/history-events.ts';
import type { ChaosCluster, ChaosContext } from '../context.ts';
import type { Finding } from './finding.ts';

const QUERY_TIMEOUT_MS = 30_000;

/** No order is under way, no workflow that lives for ever has ended otherwise than it should, no workflow task ever failed. */
export async function workflowFindings({ client }: Pick<ChaosContext, 'client'>): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for await (const { workflowId } of client.workflow.list({
    query: `ExecutionStatus = 'Running' AND WorkflowType = 'certificateIssuance'`,
  })) {
    findings.push({ kind: 'stuck', what: `${workflowId} is still running` });
  }
  for await (const { workflowId, status } of client.workflow.list({
    query: `ExecutionStatus IN ('Failed', 'TimedOut', 'Terminated', 'Canceled') AND WorkflowType != 'certificateIssuance'`,
  })) {
    findings.push({ kind: 'stuck', what: `${workflowId} ended as ${status.name}` });
  }
  return [...findings, ...(await taskFailures(client))];
}

/** The workflow of each says that its certificates are Ready and nothing is going on. */
export async function idleFindings(
  context: Pick<ChaosContext, 'client'>,
  living: readonly ChaosCluster[],
): Promise<readonly Finding[]> {
  const found = await Promise.all(
    living.map(async (cluster): Promise<readonly Finding[]> => {
      const { bundles, decommissioning } = await statusOf(context, cluster);
      const restless = Object.entries(bundles).filter(([, { state }]) => state !== 'Ready');
      if (!decommissioning && restless.length === 0 && Object.keys(bundles).length > 0) return [];
      const states = restless.map(([name, { state, message }]) => `${name} is ${state}: ${message}`);
      return [{ kind: 'stuck', what: `${cluster.name}: ${states.join('; ') || 'it is being decommissioned'}` }];
    }),
  );
  return found.flat();
}

/** The workflow of each has completed, with a result that has no failure. */
export async function decommissionFindings(
  { client }: Pick<ChaosContext, 'client'>,
  deleted: readonly ChaosCluster[],
): Promise<readonly Finding[]> {
  const found = await Promise.all(
    deleted.map(async ({ identity }): Promise<readonly Finding[]> => {
      const workflowId = clusterWorkflowId(identity);
      const handle = client.workflow.getHandle(workflowId);
      const { status } = await handle.describe();
      if (status.name !== 'COMPLETED') return [{ kind: 'stuck', what: `${workflowId} is ${status.name}` }];
      const result = await decommissionResultOf(handle);
      const problems = result.bundles.flatMap(({ failures }) => failures.map(({ message }) => message));
      if (!result.finalizerRemoved) problems.push('the finalizer was not removed');
      return problems.map((problem) => ({ kind: 'leftover', what: `${workflowId}: ${problem}` }));
    }),
  );
  return found.flat();
}

async function decommissionResultOf(handle: { result(): Promise<unknown> }): Promise<DecommissionResult> {
  return (await handle.result()) as DecommissionResult;
}

async function statusOf({ client }: Pick<ChaosContext, 'client'>, { identity }: ChaosCluster): Promise<ClusterStatus> {
  return await client.withDeadline(Date.now() + QUERY_TIMEOUT_MS, () =>
    client.workflow.getHandle(clusterWorkflowId(identity)).query(clusterStatus),
  );
}

/**
 * A worker whose workflow task timed out while it was at work on it may keep a copy of the workflow that is a step ahead or
 * behind; Temporal's SDK notices at the next task, drops the copy and reads the history anew.
 */
const STALE_CACHE_MESSAGE = 'History is out of order';

/** A time-out is what a killed worker leaves; a failure is a defect of the workflow's own. */
async function taskFailures(client: ChaosContext['client']): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for await (const { workflowId, runId } of client.workflow.list()) {
    const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    for (const { eventId, workflowTaskFailedEventAttributes: failed } of events ?? []) {
      const message = failed?.failure?.message ?? '';
      if (!failed || Number(failed.cause) === UNHANDLED_COMMAND || message.includes(STALE_CACHE_MESSAGE)) continue;
      const what = `workflow task of ${workflowId} failed (event ${String(eventId)}): ${message}`;
      findings.push({ kind: 'stuck', what });
    }
  }
  return findings;
}
