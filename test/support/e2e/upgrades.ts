/** Workers of two versions on one lab, and what the histories say of the tasks that they did. */

import type { WorkerProcess } from '../../../local/stack/worker-process.ts';
import { clusterWorkflowId } from '../../../src/contract/cluster-certificates.ts';
import { SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { writePreviousWorkflows } from '../replay/previous-workflows.ts';
import { failedTasksIn } from '../temporal/history-events.ts';
import type { History } from '../temporal/history-json.ts';
import { waitForCertificate } from './checks.ts';
import type { E2eCluster } from './clusters.ts';
import { collect } from './evidence.ts';
import type { E2eHarness } from './harness.ts';

type Settings = Readonly<Record<string, string>>;

export interface Versions {
  /** With the workflow code of the version before. */
  startPrevious(name: string, settings?: Settings): Promise<WorkerProcess>;
  startCurrent(name: string, settings?: Settings): Promise<WorkerProcess>;
}

/** What hangs when they are told to end is cut short after that; a change at Route 53 that meets faults is given up in 7 s. */
const SHORT_GRACE = { CERTMAN_SHUTDOWN_GRACE: '8s' };

export async function prepareVersions(lab: E2eHarness): Promise<Versions> {
  const CERTMAN_WORKFLOW_BUNDLE = await writePreviousWorkflows(lab.stack.stateDir);
  const startPresent: Versions['startCurrent'] = (name, settings = {}) =>
    lab.startWorker({ name, environment: { ...SHORT_GRACE, CERTMAN_IDENTITY: name, ...settings } });
  return {
    startCurrent: startPresent,
    startPrevious: (name, settings = {}) => startPresent(name, { CERTMAN_WORKFLOW_BUNDLE, ...settings }),
  };
}

/** Of the cluster's present run. */
export function historyOf(lab: E2eHarness, { identity }: E2eCluster): Promise<History> {
  return lab.client.workflow.getHandle(clusterWorkflowId(identity)).fetchHistory();
}

/** Why workflow tasks failed, over all runs there were. */
export async function failedTasks(lab: E2eHarness): Promise<readonly string[]> {
  const failures: string[] = [];
  for (const { workflowId, runId } of await collect(lab.client.workflow.list())) {
    const history = await lab.client.workflow.getHandle(workflowId, runId).fetchHistory();
    failures.push(...failedTasksIn(history).map((failure) => `${workflowId}: ${failure}`));
  }
  return failures;
}

/** Deletes a cluster's Secret. */
export async function deleteSecret(lab: E2eHarness, { namespace, secretName }: E2eCluster): Promise<void> {
  await lab.kubernetes.delete(SECRETS, { namespace, name: secretName });
}

/** Waits until the lost Secret is there again, with another certificate. */
export async function waitForReissue(lab: E2eHarness, cluster: E2eCluster, before: string): Promise<void> {
  await waitForCertificate(lab.kubernetes, cluster, before);
}
