/** Workers of two versions on one lab, and what the histories say of the tasks that they did. */

import type { WorkerProcess } from '../../local/worker-process.ts';
import { SECRETS } from '../../src/kubernetes/kubernetes-api.ts';
import { clusterWorkflowId } from '../../workflows/contract.ts';
import { certificateInSecret } from './checks.ts';
import { writeEarlierWorkflows } from './earlier-workflows.ts';
import { failedTasksIn } from './history-events.ts';
import type { History } from './history-json.ts';
import type { LifeCluster } from './life-clusters.ts';
import { allOf } from './life-evidence.ts';
import type { LifeLab } from './life-lab.ts';

type Settings = Readonly<Record<string, string>>;

export interface Versions {
  /** With the workflow code of the version before. */
  startEarlier(name: string, settings?: Settings): Promise<WorkerProcess>;
  startPresent(name: string, settings?: Settings): Promise<WorkerProcess>;
}

/** What hangs when they are told to end is cut short after that; a change at Route 53 that meets faults is given up in 7 s. */
const SHORT_GRACE = { CERTMAN_SHUTDOWN_GRACE: '8s' };

export async function prepareVersions(lab: LifeLab): Promise<Versions> {
  const CERTMAN_WORKFLOW_BUNDLE = await writeEarlierWorkflows(lab.stack.stateDir);
  const startPresent: Versions['startPresent'] = (name, settings = {}) =>
    lab.startWorker({ name, environment: { ...SHORT_GRACE, CERTMAN_IDENTITY: name, ...settings } });
  return {
    startPresent,
    startEarlier: (name, settings = {}) => startPresent(name, { CERTMAN_WORKFLOW_BUNDLE, ...settings }),
  };
}

/** Of the cluster's present run. */
export function historyOf(lab: LifeLab, { identity }: LifeCluster): Promise<History> {
  return lab.client.workflow.getHandle(clusterWorkflowId(identity)).fetchHistory();
}

/** Why workflow tasks failed, over all runs there were. */
export async function failedTasks(lab: LifeLab): Promise<readonly string[]> {
  const failures: string[] = [];
  for (const { workflowId, runId } of await allOf(lab.client.workflow.list())) {
    const history = await lab.client.workflow.getHandle(workflowId, runId).fetchHistory();
    failures.push(...failedTasksIn(history).map((failure) => `${workflowId}: ${failure}`));
  }
  return failures;
}

/** Deletes a cluster's Secret. */
export async function loseSecret(lab: LifeLab, { namespace, secretName }: LifeCluster): Promise<void> {
  await lab.kubernetes.delete(SECRETS, { namespace, name: secretName });
}

/** Waits until the lost Secret is there again, with another certificate. */
export async function reissued(lab: LifeLab, cluster: LifeCluster, before: string): Promise<void> {
  await certificateInSecret(lab.kubernetes, cluster, before);
}
