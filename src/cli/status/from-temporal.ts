import type { Client } from '@temporalio/client';
import { decodeTypedSearchAttributes } from '@temporalio/common/lib/converter/payload-search-attributes.js';
import { summaryMessage } from '../../certificates/status-messages.ts';
import { failureOf, nextAttemptOf, reasonOf, renewalTimeOf } from '../../contract/bundle-record.ts';
import type { ClusterStatus } from '../../contract/cluster-certificates.ts';
import { issuanceWorkflowId } from '../../contract/ids.ts';
import { requestMessages } from '../../contract/requests.ts';
import {
  CertExpiry,
  CertIssuer,
  CertNames,
  CertReason,
  CertRenewAt,
  CertState,
} from '../../contract/search-attributes.ts';
import { ListedMemos, workflowPages } from '../../controller/workflow-pages.ts';
import type { ClusterName } from '../arguments.ts';
import { findClusterWorkflow, PAGE_TIMEOUT_MS, queryClusterStatus, runningClustersQuery } from '../cluster-workflow.ts';
import { describeCurrentActivity } from '../issuance-progress.ts';
import {
  type CertificateRow,
  type ClusterReport,
  describeCluster,
  type FleetReport,
  type FleetRow,
} from './status-view.ts';

/** Every cluster and standalone CertificateRequest that has a workflow, from search attributes: no worker is needed. */
export async function fleetFromTemporal(
  client: Client,
  managementCluster: string,
  namespace?: string,
): Promise<FleetReport> {
  const clusters: FleetRow[] = [];
  const memos = new ListedMemos(client);
  const query = runningClustersQuery(managementCluster, { namespace });
  for await (const page of workflowPages(client, query, PAGE_TIMEOUT_MS)) {
    for (const execution of page) {
      const cluster = await memos.identityOf(managementCluster, execution);
      if (cluster === undefined) continue;
      const attributes = decodeTypedSearchAttributes(execution.searchAttributes?.indexedFields);
      clusters.push({
        cluster: `${cluster.namespace}/${cluster.name}`,
        state: attributes.get(CertState) ?? 'Pending',
        reason: attributes.get(CertReason),
        dnsNames: attributes.get(CertNames),
        issuer: attributes.get(CertIssuer),
        notAfter: attributes.get(CertExpiry)?.toISOString(),
        renewalTime: attributes.get(CertRenewAt)?.toISOString(),
      });
    }
  }
  return { source: 'temporal', clusters };
}

/** @returns undefined when the cluster has no workflow. @throws as {@link queryClusterStatus}. */
export async function clusterFromTemporal(
  client: Client,
  managementCluster: string,
  name: ClusterName,
): Promise<ClusterReport | undefined> {
  const handle = await findClusterWorkflow(client, managementCluster, name);
  if (handle === undefined) return undefined;
  const status = await queryClusterStatus(client, handle);
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
    reason: reasonOf(record),
    message: summaryMessage(record),
    since: record.since,
    failure: failureOf(record),
    requests: requestMessages(record),
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
