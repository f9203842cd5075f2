import type { Client } from '@temporalio/client';
import { decodeTypedSearchAttributes } from '@temporalio/common/lib/converter/payload-search-attributes.js';
import { isPending } from '../../certificates/renewal-request.ts';
import { summaryMessage } from '../../certificates/status-messages.ts';
import type { ClusterIdentity } from '../../clusters/cluster-identity.ts';
import { parseAlso } from '../../contract/also.ts';
import { failureOf, nextAttemptOf, renewalTimeOf, shownReasonOf } from '../../contract/bundle-record.ts';
import type { ClusterStatus } from '../../contract/cluster-certificates.ts';
import { issuanceWorkflowId, taskQueueOf } from '../../contract/ids.ts';
import { requestMessages } from '../../contract/requests.ts';
import {
  CertAlso,
  CertExpiry,
  CertIssuer,
  CertNames,
  CertReason,
  CertRenewAt,
  CertState,
} from '../../contract/search-attributes.ts';
import { type ListedExecution, ListedMemos, ranAt, runningWorkflowPages } from '../../controller/workflow-pages.ts';
import type { ClusterName } from '../arguments.ts';
import { clustersQuery, findClusterWorkflow, PAGE_TIMEOUT_MS, queryClusterStatus } from '../cluster-workflow.ts';
import { describeCurrentActivity } from '../issuance-progress.ts';
import { isInvalidArgument } from '../temporal-client.ts';
import { attentionCondition, isCountedAtRest, MAX_WHOLE_TABLE, restCondition } from './attention.ts';
import {
  type CertificateRow,
  type ClusterReport,
  describeCluster,
  type FleetReport,
  type FleetRow,
} from './status-view.ts';

/** Visibility knows by then which run of a workflow is the present one. */
const SETTLED_AFTER_MS = 5_000;

/** Every cluster and standalone CertificateRequest that has a workflow, from search attributes: no worker is needed. */
export async function fleetFromTemporal(
  client: Client,
  managementCluster: string,
  namespace?: string,
): Promise<FleetReport> {
  const query = fleetQuery(managementCluster, namespace);
  return { source: 'temporal', clusters: await listRows(client, managementCluster, query) };
}

/**
 * Of a large fleet those that need attention, by a narrower query; the others are counted, as of five seconds ago. Of a small
 * one, all.
 */
export async function attentionFromTemporal(
  client: Client,
  managementCluster: string,
  namespace?: string,
): Promise<FleetReport> {
  const query = fleetQuery(managementCluster, namespace);
  const now = Date.now();
  const countOf = async (condition: string): Promise<number> => {
    const { count } = await client.withDeadline(Date.now() + PAGE_TIMEOUT_MS, () =>
      client.workflow.count(`${query} AND ${condition}`),
    );
    return count;
  };
  if ((await countOf(`ExecutionStatus = 'Running'`)) <= MAX_WHOLE_TABLE)
    return await fleetFromTemporal(client, managementCluster, namespace);
  try {
    const [listed, atRest] = await Promise.all([
      listRows(client, managementCluster, `${query} AND ${attentionCondition(now)}`),
      countOf(`${restCondition(now)} AND ${ranAt(now - SETTLED_AFTER_MS)}`),
    ]);
    // One whose run has ended since may be at rest, and is counted then.
    const clusters = listed.filter((row) => !isCountedAtRest(row, now));
    return { source: 'temporal', clusters, atRest };
  } catch (error) {
    // Workers register the search attributes: those of an earlier version have not all of them.
    if (!isInvalidArgument(error)) throw error;
    return await fleetFromTemporal(client, managementCluster, namespace);
  }
}

/** By the task queue, too: the name of another management cluster may begin with this one's and a slash. */
function fleetQuery(managementCluster: string, namespace: string | undefined): string {
  return `${clustersQuery(managementCluster, { namespace })} AND TaskQueue = '${taskQueueOf(managementCluster)}'`;
}

/** Each workflow once: its newest run. */
async function listRows(client: Client, managementCluster: string, query: string): Promise<readonly FleetRow[]> {
  const rows = new Map<string, FleetRow>();
  const memos = new ListedMemos(client);
  for await (const page of runningWorkflowPages(client, query, PAGE_TIMEOUT_MS)) {
    for (const execution of page) {
      const cluster = await memos.identityOf(managementCluster, execution);
      if (cluster !== undefined) rows.set(execution.execution?.workflowId ?? '', rowOf(cluster, execution));
    }
  }
  return [...rows.values()];
}

function rowOf({ namespace, name }: ClusterIdentity, { searchAttributes }: ListedExecution): FleetRow {
  const attributes = decodeTypedSearchAttributes(searchAttributes?.indexedFields);
  return {
    cluster: `${namespace}/${name}`,
    state: attributes.get(CertState) ?? 'Pending',
    reason: attributes.get(CertReason),
    dnsNames: attributes.get(CertNames),
    issuer: attributes.get(CertIssuer),
    notAfter: attributes.get(CertExpiry)?.toISOString(),
    renewalTime: attributes.get(CertRenewAt)?.toISOString(),
    also: attributes.get(CertAlso)?.map(parseAlso),
  };
}

/** @param timeoutMs of the question to its workflow. @returns undefined when the cluster has none. @throws as {@link queryClusterStatus}. */
export async function clusterFromTemporal(
  client: Client,
  managementCluster: string,
  name: ClusterName,
  timeoutMs?: number,
): Promise<ClusterReport | undefined> {
  const handle = await findClusterWorkflow(client, managementCluster, name);
  if (handle === undefined) return undefined;
  const status = await queryClusterStatus(client, handle, timeoutMs);
  return {
    source: 'temporal',
    cluster: `${name.namespace}/${name.name}`,
    workflowId: handle.workflowId,
    ...describeCluster(status.cluster),
    certificates: await Promise.all(
      Object.entries(status.bundles).map(([bundle, record]) => certificateRow(client, status, bundle, record)),
    ),
  };
}

async function certificateRow(
  client: Client,
  status: ClusterStatus,
  bundle: string,
  record: ClusterStatus['bundles'][string],
): Promise<CertificateRow> {
  const { state, dnsNames, secretName, certificate } = record;
  return {
    bundle,
    state,
    reason: shownReasonOf(record),
    message: summaryMessage(record),
    since: record.since,
    failure: failureOf(record),
    requests: requestMessages(record),
    renewalRequested: isPending(record.renewalRequest) || undefined,
    requestName: record.requestName,
    dnsNames,
    secretName,
    issuer: certificate?.issuerName,
    serialNumber: certificate?.serialNumber,
    notAfter: certificate?.notAfter,
    renewalTime: renewalTimeOf(record),
    postponed: record.postponement?.reason,
    nextAttempt: nextAttemptOf(record),
    activity:
      state === 'Issuing' || state === 'Renewing'
        ? await describeCurrentActivity(client, issuanceWorkflowId(status.cluster.identity, bundle, record.orders))
        : undefined,
  };
}
