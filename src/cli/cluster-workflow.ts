import { type Client, type WorkflowHandle, WorkflowNotFoundError } from '@temporalio/client';
import { loadSettings } from '../configuration/load-configuration.ts';
import { type ClusterStatus, clusterStatus } from '../contract/cluster-certificates.ts';
import { identityOfWorkflow, workflowIdPrefixes } from '../contract/ids.ts';
import { listExecutions } from '../controller/cluster-workflow-client.ts';
import { describeIfKept } from '../controller/describe-workflow.ts';
import { CertmanError } from '../failures/failure.ts';
import { withTolerantMemos } from '../payloads/data-converter.ts';
import type { ClusterName } from './arguments.ts';
import { askWorker } from './ask-worker.ts';
import type { KubeConnection } from './kubectl-options.ts';
import { assertSameManagementCluster } from './management-cluster.ts';
import { commandLine } from './program-name.ts';
import { type StartUpdate, sendUpdate, type UpdateOptions } from './send-update.ts';
import { withTemporal } from './temporal-client.ts';
import type { TimeBound } from './time-bound.ts';

/** Of one page of a list of workflows. */
export const PAGE_TIMEOUT_MS = 20_000;

/** Asks the workflow of a cluster. @param timeoutMs @throws as {@link askWorker}. */
export async function queryClusterStatus(
  client: Pick<Client, 'withDeadline'>,
  handle: Pick<WorkflowHandle, 'query'>,
  timeoutMs?: number,
): Promise<ClusterStatus> {
  return await askWorker(client, () => handle.query(clusterStatus), timeoutMs);
}

/** Visibility query for the workflows of clusters and standalone CertificateRequests: all, of a namespace, or of a name. */
export function clustersQuery(managementCluster: string, among?: Partial<ClusterName>): string {
  const { namespace, name } = among ?? {};
  const prefixes = workflowIdPrefixes(managementCluster, namespace === undefined ? undefined : { namespace, name });
  const anyPrefix = prefixes.map((prefix) => `WorkflowId STARTS_WITH '${prefix}'`).join(' OR ');
  return `WorkflowType = 'clusterCertificates' AND (${anyPrefix})`;
}

/** The same, of those that run. */
export function runningClustersQuery(managementCluster: string, among?: Partial<ClusterName>): string {
  return `${clustersQuery(managementCluster, among)} AND ExecutionStatus = 'Running'`;
}

/** Prefers a cluster to a CertificateRequest, then the latest start. @returns undefined when there is none. */
export async function findClusterWorkflow(
  client: Client,
  managementCluster: string,
  named: ClusterName,
): Promise<WorkflowHandle | undefined> {
  const tolerant = withTolerantMemos(client);
  const find = async (status: 'Running' | 'ContinuedAsNew'): Promise<string | undefined> => {
    const found: { readonly workflowId: string; readonly rank: number; readonly at: number }[] = [];
    const query = `${clustersQuery(managementCluster, named)} AND ExecutionStatus = '${status}'`;
    for await (const execution of listExecutions(tolerant, { query }, PAGE_TIMEOUT_MS)) {
      const identity = identityOfWorkflow(managementCluster, execution);
      if (identity?.name !== named.name) continue;
      const { workflowId, startTime } = execution;
      found.push({ workflowId, rank: identity.kind === undefined ? 1 : 0, at: startTime.getTime() });
    }
    const [best] = found.toSorted((left, right) => right.rank - left.rank || right.at - left.at);
    return best?.workflowId;
  };
  const running = await find('Running');
  if (running !== undefined) return client.workflow.getHandle(running);
  // Visibility may list the end of a run before the run that continues it.
  const continued = await find('ContinuedAsNew');
  if (continued === undefined) return undefined;
  return (await isRunning(tolerant, continued)) ? client.workflow.getHandle(continued) : undefined;
}

async function isRunning(client: Client, workflowId: string): Promise<boolean> {
  const described = await client.withDeadline(Date.now() + PAGE_TIMEOUT_MS, () =>
    describeIfKept(client.workflow.getHandle(workflowId)),
  );
  return described?.status.name === 'RUNNING';
}

/**
 * Runs `work` with a cluster's workflow. @param bound of all that it waits for at Temporal and the API server.
 * @throws CertmanError `kubernetes/notFound` when it has none.
 */
export async function withClusterWorkflow<Result>(
  cluster: ClusterName,
  connection: KubeConnection,
  work: (handle: WorkflowHandle, client: Client) => Promise<Result>,
  bound?: TimeBound,
): Promise<Result> {
  const { managementCluster } = loadSettings(process.env, ['managementCluster']);
  return await withTemporal(async (client) => {
    await assertSameManagementCluster(client, managementCluster, connection, bound);
    const handle = await findClusterWorkflow(client, managementCluster, cluster);
    const text = `${cluster.namespace}/${cluster.name}`;
    if (handle !== undefined) return await unlessEnded(text, () => work(handle, client));
    throw new CertmanError({
      code: 'kubernetes/notFound',
      message: `${text} has no certificates that certman manages on the management cluster ${managementCluster}.`,
      remedy: `See why: ${commandLine(`status ${text}`)}. CERTMAN_MANAGEMENT_CLUSTER selects another management cluster.`,
    });
  }, bound);
}

/** A workflow that has completed since it was found takes no signal or update. */
async function unlessEnded<Result>(cluster: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof WorkflowNotFoundError)) throw cause;
    throw new CertmanError({
      code: 'internal/unexpected',
      message: `The workflow of ${cluster} has ended meanwhile: there is nothing more to do.`,
      remedy: `See what it did: ${commandLine(`explain ${cluster}`)}`,
      cause,
    });
  }
}

/** The result of an update of a cluster's workflow. @throws as {@link sendUpdate}. */
export async function updateCluster<Result>(
  client: Client,
  handle: Pick<WorkflowHandle, 'query' | 'workflowId'>,
  start: StartUpdate<Result>,
  options: UpdateOptions = {},
): Promise<Result> {
  const answers = () => queryClusterStatus(client, handle, options.request?.bound?.leftMs);
  return await sendUpdate(client, handle.workflowId, start, answers, options);
}

/** The result of a run that has completed. @throws what the request throws. */
export async function resultOfEnded<Result>(
  client: Client,
  { workflowId, runId }: { readonly workflowId: string; readonly runId: string },
): Promise<Result> {
  const handle = client.workflow.getHandle<() => Promise<Result>>(workflowId, runId);
  return await client.withDeadline(Date.now() + PAGE_TIMEOUT_MS, () => handle.result());
}
