import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { loadSettings } from '../../configuration/load-configuration.ts';
import type { CertificateIssuanceResult } from '../../contract/certificate-issuance.ts';
import type { DecommissionResult } from '../../contract/cluster-certificates.ts';
import { certClusterOf, identityOfWorkflow, taskQueueOf } from '../../contract/ids.ts';
import { CertCluster, CertReason } from '../../contract/search-attributes.ts';
import { listExecutions } from '../../controller/cluster-workflow-client.ts';
import { CertmanError } from '../../failures/failure.ts';
import { withTolerantMemos } from '../../payloads/data-converter.ts';
import type { ClusterName } from '../arguments.ts';
import { clustersQuery, findClusterWorkflow, PAGE_TIMEOUT_MS, queryClusterStatus } from '../cluster-workflow.ts';
import type { KubeConnection } from '../kubectl-options.ts';
import { assertSameManagementCluster } from '../management-cluster.ts';
import { note } from '../output.ts';
import { commandLine } from '../program-name.ts';
import { isUnavailable, unavailableMessage, withTemporal } from '../temporal-client.ts';
import { type CompletedOrder, certificateHistory, type HistoryEntry } from './certificate-history.ts';
import { RenewalRequests } from './requested-by.ts';

/** The newest: a certificate of a day, renewed twice a day, has as many in Temporal's usual retention. */
const MAX_ORDERS = 500;

/** The certificates of a cluster, newest first. */
export interface CertificateHistory {
  readonly cluster: string;
  readonly certificates: readonly HistoryEntry[];
  /** Orders of the same time that ended without a certificate. */
  readonly unsuccessfulOrders: number;
  /** When the newest of them ended (RFC 3339). */
  readonly lastUnsuccessful?: string;
}

/** @throws CertmanError `kubernetes/notFound` when Temporal knows nothing of the name; `temporal/unreachable`. */
export async function readHistory(name: ClusterName, connection: KubeConnection): Promise<CertificateHistory> {
  const { managementCluster } = loadSettings(process.env, ['managementCluster']);
  return await withTemporal(async (client) => {
    await assertSameManagementCluster(client, managementCluster, connection);
    const [{ orders, ...unsuccessful }, status, decommissions] = await Promise.all([
      readOrders(client, managementCluster, name),
      readStatus(client, managementCluster, name),
      readDecommissions(client, managementCluster, name),
    ]);
    const cluster = `${name.namespace}/${name.name}`;
    const isUnknown = orders.length === 0 && status === 'none' && decommissions.length === 0;
    if (isUnknown && unsuccessful.unsuccessfulOrders === 0) throw nothingKnown(cluster, managementCluster);
    const bundles = typeof status === 'string' ? undefined : status.bundles;
    const certificates = certificateHistory({ orders, bundles, decommissions, now: Date.now() });
    return { cluster, certificates, ...unsuccessful };
  });
}

function nothingKnown(cluster: string, managementCluster: string): CertmanError {
  return new CertmanError({
    code: 'kubernetes/notFound',
    message: `Temporal has no order and no workflow of ${cluster} on the management cluster ${managementCluster}; it keeps what has ended for the retention of its namespace.`,
    remedy: `See why: ${commandLine(`explain ${cluster}`)}. CERTMAN_MANAGEMENT_CLUSTER selects another management cluster.`,
  });
}

async function readOrders(client: Client, managementCluster: string, name: ClusterName) {
  const query = `TaskQueue = '${taskQueueOf(managementCluster)}' AND WorkflowType = 'certificateIssuance' AND ${CertCluster.name} = '${certClusterOf(name)}' AND ExecutionStatus != 'Running'`;
  const requests = new RenewalRequests(client);
  const orders: Promise<CompletedOrder>[] = [];
  let unsuccessfulOrders = 0;
  let lastUnsuccessful: string | undefined;
  for await (const execution of listExecutions(withTolerantMemos(client), { query }, PAGE_TIMEOUT_MS)) {
    if (execution.status.name === 'COMPLETED') {
      if (orders.length >= MAX_ORDERS) break;
      orders.push(readOrder(client, requests, execution));
      // At most so many requests at once.
      if (orders.length % 20 === 0) await Promise.all(orders);
    } else {
      unsuccessfulOrders += 1;
      const ended = execution.closeTime?.toISOString();
      if (ended !== undefined && (lastUnsuccessful === undefined || ended > lastUnsuccessful)) lastUnsuccessful = ended;
    }
  }
  return { orders: await Promise.all(orders), unsuccessfulOrders, lastUnsuccessful };
}

async function readOrder(
  client: Client,
  requests: RenewalRequests,
  execution: WorkflowExecutionInfo,
): Promise<CompletedOrder> {
  const { workflowId, runId, startTime, closeTime = startTime, parentExecution } = execution;
  const reason = execution.typedSearchAttributes.get(CertReason);
  const [result, requestedBy] = await Promise.all([
    client.workflow.getHandle(workflowId, runId).result() as Promise<CertificateIssuanceResult>,
    reason === 'RenewRequested' && parentExecution
      ? requests.requestedBy(
          { workflowId: parentExecution.workflowId ?? '', runId: parentExecution.runId ?? '' },
          startTime,
        )
      : undefined,
  ]);
  // issue/<management cluster>/<namespace>/<name>/<uid>/<bundle>/<number>
  const [uid = '', bundle = ''] = workflowId.split('/').slice(-3);
  return {
    uid,
    bundle,
    workflowId,
    orderedAt: startTime.toISOString(),
    issuedAt: closeTime.toISOString(),
    reason,
    requestedBy,
    result,
  };
}

/** `none`: no workflow; `unavailable`: no worker answers. */
async function readStatus(client: Client, managementCluster: string, name: ClusterName) {
  const handle = await findClusterWorkflow(client, managementCluster, name);
  if (handle === undefined) return 'none';
  try {
    return await queryClusterStatus(client, handle);
  } catch (error) {
    if (!isUnavailable(error)) throw error;
    note(`${unavailableMessage(error)} Which certificate is in use is not known; "latest" is the one issued last.`);
    return 'unavailable';
  }
}

async function readDecommissions(
  client: Client,
  managementCluster: string,
  name: ClusterName,
): Promise<readonly DecommissionResult[]> {
  const query = `${clustersQuery(managementCluster, name)} AND ExecutionStatus = 'Completed'`;
  const results: DecommissionResult[] = [];
  for await (const execution of listExecutions(withTolerantMemos(client), { query }, PAGE_TIMEOUT_MS)) {
    if (identityOfWorkflow(managementCluster, execution)?.name !== name.name) continue;
    results.push(await client.workflow.getHandle(execution.workflowId, execution.runId).result());
  }
  return results;
}
