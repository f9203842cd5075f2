/** Starts workers of the current and of the next version, and reads the histories of their workflows. */
import type { WorkerProcess } from '../../../local/stack/worker-process.ts';
import { clusterWorkflowId } from '../../../src/contract/ids.ts';
import { SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { writeWorkflowBundle } from '../replay/bundle-workflows.ts';
import { failedTasksIn } from '../temporal/history-events.ts';
import type { History } from '../temporal/history-json.ts';
import { waitForCertificate } from './checks.ts';
import type { E2eCluster } from './clusters.ts';
import { collect } from './evidence.ts';
import type { E2eHarness } from './harness.ts';

type Settings = Readonly<Record<string, string>>;

/** Starts workers of either version. */
export interface Versions {
  startPresent(name: string, settings?: Settings): Promise<WorkerProcess>;
  /** Uses the workflow code of test/support/replay/next-workflows.ts. */
  startNext(name: string, settings?: Settings): Promise<WorkerProcess>;
}

/** Longer than the 7 s after which a failing Route 53 change gives up; hanging activities are cancelled after it. */
const SHORT_GRACE = { CERTMAN_SHUTDOWN_GRACE: '8s' };

/** Bundles the next version's workflows. */
export async function prepareVersions(lab: E2eHarness): Promise<Versions> {
  const CERTMAN_WORKFLOW_BUNDLE = await writeWorkflowBundle('next', lab.stack.stateDir);
  const startPresent: Versions['startPresent'] = (name, settings = {}) =>
    lab.startWorker({ name, environment: { ...SHORT_GRACE, CERTMAN_IDENTITY: name, ...settings } });
  return {
    startPresent,
    startNext: (name, settings = {}) => startPresent(name, { CERTMAN_WORKFLOW_BUNDLE, ...settings }),
  };
}

/** @returns the history of the latest run of the cluster's workflow. */
export function historyOf(lab: E2eHarness, { identity }: E2eCluster): Promise<History> {
  return lab.client.workflow.getHandle(clusterWorkflowId(identity)).fetchHistory();
}

/** @returns why workflow tasks failed, in all runs of all workflows. */
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

/** Waits until the Secret holds another certificate than `before`. */
export async function waitForReissue(lab: E2eHarness, cluster: E2eCluster, before: string): Promise<void> {
  await waitForCertificate(lab.kubernetes, cluster, before);
}
