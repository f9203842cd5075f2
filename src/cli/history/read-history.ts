import type { Client } from '@temporalio/client';
import { loadSettings } from '../../configuration/load-configuration.ts';
import type { DecommissionResult } from '../../contract/cluster-certificates.ts';
import { identityOfWorkflow } from '../../contract/ids.ts';
import { listExecutions } from '../../controller/cluster-workflow-client.ts';
import { CertmanError } from '../../failures/failure.ts';
import { withTolerantMemos } from '../../payloads/data-converter.ts';
import type { ClusterName } from '../arguments.ts';
import {
  clustersQuery,
  findClusterWorkflow,
  PAGE_TIMEOUT_MS,
  queryClusterStatus,
  resultOfEnded,
} from '../cluster-workflow.ts';
import type { KubeConnection } from '../kubectl-options.ts';
import { assertSameManagementCluster } from '../management-cluster.ts';
import { note } from '../output.ts';
import { commandLine } from '../program-name.ts';
import { isUnavailable, unavailableMessage, withTemporal } from '../temporal-client.ts';
import { certificateHistory, type HistoryEntry } from './certificate-history.ts';
import { OperatorRequests } from './operator-requests.ts';
import { readLatestOrders, readOrders } from './read-orders.ts';

/** The certificates of a cluster, newest first. */
export interface CertificateHistory {
  readonly cluster: string;
  readonly certificates: readonly HistoryEntry[];
  /** Orders of the same time that ended without a certificate. */
  readonly unsuccessfulOrders: number;
  /** When the newest of them ended (RFC 3339). */
  readonly lastUnsuccessful?: string;
  /** Who asked for a certificate before may be missing: not all runs of the workflow were read (RFC 3339). */
  readonly requestsUnreadBefore?: string;
}

/** @throws CertmanError `kubernetes/notFound` when Temporal knows nothing of the name; `temporal/unreachable`. */
export async function readHistory(name: ClusterName, connection: KubeConnection): Promise<CertificateHistory> {
  const { managementCluster } = loadSettings(process.env, ['managementCluster']);
  return await withTemporal(async (client) => {
    await assertSameManagementCluster(client, managementCluster, connection);
    const requests = new OperatorRequests(client);
    const [{ orders, ...unsuccessful }, status, decommissions] = await Promise.all([
      readOrders(client, requests, managementCluster, name),
      readStatus(client, managementCluster, name),
      readDecommissions(client, managementCluster, name),
    ]);
    const cluster = `${name.namespace}/${name.name}`;
    const isUnknown = orders.length === 0 && status === 'none' && decommissions.length === 0;
    if (isUnknown && unsuccessful.unsuccessfulOrders === 0) throw nothingKnown(cluster, managementCluster);
    const bundles = typeof status === 'string' ? undefined : status.bundles;
    const latest = typeof status === 'string' ? [] : await readLatestOrders(client, requests, status, orders);
    const all = [...latest, ...orders];
    const certificates = certificateHistory({ orders: all, bundles, decommissions, now: Date.now() });
    const { unreadBefore } = requests;
    const unread = unreadBefore === undefined ? {} : { requestsUnreadBefore: new Date(unreadBefore).toISOString() };
    return { cluster, certificates, ...unsuccessful, ...unread };
  });
}

function nothingKnown(cluster: string, managementCluster: string): CertmanError {
  return new CertmanError({
    code: 'kubernetes/notFound',
    message: `Temporal has no order and no workflow of ${cluster} on the management cluster ${managementCluster}; it keeps what has ended for the retention of its namespace.`,
    remedy: `See why: ${commandLine(`explain ${cluster}`)}. CERTMAN_MANAGEMENT_CLUSTER selects another management cluster.`,
  });
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
    results.push(await resultOfEnded<DecommissionResult>(client, execution));
  }
  return results;
}
