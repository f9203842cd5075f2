import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, ConnectionLike } from '@temporalio/client';
import type { Configuration } from '../configuration/load-configuration.ts';
import { taskQueueOf, watchWorkflowId } from '../contract/ids.ts';
import { CLUSTER_UID_MEMO } from '../contract/management-cluster-watch.ts';
import { describeIfKept } from '../controller/describe-workflow.ts';
import { CertmanError } from '../failures/failure.ts';
import { backoffDelay } from '../kubernetes/api/backoff.ts';
import type { KubernetesApi } from '../kubernetes/api/kubernetes-api.ts';
import { readClusterUid } from '../kubernetes/objects/cluster-uid.ts';
import { abortable } from '../network/abortable.ts';
import type { Logger } from '../observability/logging.ts';
import { lastingKubernetesFailure, lastingTemporalFailure } from './lasting-failures.ts';
import { registerSearchAttributes } from './namespace-setup.ts';
import type { StartDependency, StartWait } from './start-wait.ts';

const BACKOFF_MS = { first: 500, max: 30_000 };
/** At rest, each check makes two requests. */
const CHECK_INTERVAL_MS = 2 * 60_000;
/** Of a check's requests to Temporal together, with the repetitions of the native connection. */
const REQUEST_TIMEOUT_MS = 60_000;

/** No retry can mend it: the worker ends. */
class NameTakenError extends CertmanError {}

type NamedCluster = Pick<Configuration, 'managementCluster' | 'temporal'>;

/**
 * Makes the name this cluster's own by starting its watch workflow, which records the cluster's uid, once the API server and
 * Temporal respond. @returns the uid.
 * @throws CertmanError `configuration/invalid` when the name is another cluster's; as {@link StartWait.until}.
 */
export async function claimManagementCluster(
  client: Client,
  kubernetes: KubernetesApi,
  cluster: NamedCluster,
  start: StartWait,
  signal: AbortSignal,
): Promise<string> {
  const api = kubernetes.withSignal(signal);
  const { address } = cluster.temporal;
  const dependency: StartDependency = {
    problem: 'The management cluster cannot be identified',
    waiting: 'waiting to identify the management cluster',
    code: 'kubernetes/unreachable',
    remedy: 'Check the connections of this pod to the API server of the management cluster, and to Temporal.',
    lasting: (error) =>
      error instanceof CertmanError ? lastingKubernetesFailure(error) : lastingTemporalFailure(address, error),
  };
  return await start.until(dependency, async () => {
    const uid = await readClusterUid(api);
    await client.withDeadline(Date.now() + REQUEST_TIMEOUT_MS, () => startWatchUnlessRunning(client, cluster, uid));
    return uid;
  });
}

/**
 * Keeps the watch running: a user can terminate the workflow, and a Temporal server can be replaced by an empty one.
 * @throws CertmanError `configuration/invalid` when another cluster has taken the name meanwhile.
 */
export async function ensureWatchWorkflow(
  client: Client,
  connection: ConnectionLike,
  cluster: NamedCluster,
  clusterUid: string,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  const workflowId = watchWorkflowId(cluster.managementCluster);
  const check = async (): Promise<void> => {
    await registerSearchAttributes(connection, cluster.temporal.namespace, logger);
    await client.withDeadline(Date.now() + REQUEST_TIMEOUT_MS, () =>
      startWatchUnlessRunning(client, cluster, clusterUid),
    );
  };
  try {
    for (;;) {
      await sleep(CHECK_INTERVAL_MS, undefined, { signal });
      await retryUntilAborted(check, signal, (error, backoff) =>
        logger.warn({ error, workflowId, retry: `in ${backoff} ms` }, 'the watch workflow could not be started'),
      );
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** A closed watch counts too: terminating it does not give the name away. */
async function startWatchUnlessRunning(client: Client, cluster: NamedCluster, clusterUid: string): Promise<void> {
  const { managementCluster } = cluster;
  const workflowId = watchWorkflowId(managementCluster);
  const watch = client.workflow.getHandle(workflowId);
  const latest = await describeIfKept(watch);
  if (latest !== undefined) refuseOtherCluster(latest.memo, cluster, clusterUid);
  if (latest?.status.name === 'RUNNING') return;
  await client.workflow.start('managementClusterWatch', {
    workflowId,
    taskQueue: taskQueueOf(managementCluster),
    workflowIdConflictPolicy: 'USE_EXISTING',
    args: [{ managementCluster }],
    memo: { [CLUSTER_UID_MEMO]: clusterUid },
    staticSummary: `Watches the ClusterDeployments of ${managementCluster}`,
  });
  // Of two workers that start it at once, the other's may be the one that runs.
  refuseOtherCluster((await describeIfKept(watch))?.memo, cluster, clusterUid);
}

function refuseOtherCluster(
  memo: Readonly<Record<string, unknown>> | undefined,
  { managementCluster, temporal }: NamedCluster,
  clusterUid: string,
): void {
  const owner = memo?.[CLUSTER_UID_MEMO];
  if (owner === clusterUid) return;
  const workflowId = watchWorkflowId(managementCluster);
  throw new NameTakenError({
    code: 'configuration/invalid',
    message: `The name ${managementCluster} (CERTMAN_MANAGEMENT_CLUSTER) belongs to another management cluster in the Temporal namespace ${temporal.namespace}: its workflow ${workflowId} watches the cluster whose Namespace kube-system has the uid ${String(owner)}; here it is ${clusterUid}.`,
    remedy: `Set CERTMAN_MANAGEMENT_CLUSTER to a name that no other cluster of the Temporal namespace has. If the other cluster no longer exists, see "Several management clusters" in docs/operations.md.`,
  });
}

/** @param attempt may go on after the signal. @throws NameTakenError; the reason of `signal`. */
async function retryUntilAborted<Result>(
  attempt: () => Promise<Result>,
  signal: AbortSignal,
  onFailure: (error: unknown, backoffMs: number) => void,
): Promise<Result> {
  for (let failures = 1; ; failures += 1) {
    signal.throwIfAborted();
    try {
      return await abortable(attempt(), signal);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof NameTakenError) throw error;
      const backoff = Math.round(backoffDelay(failures, BACKOFF_MS));
      onFailure(error, backoff);
      await sleep(backoff, undefined, { signal });
    }
  }
}
