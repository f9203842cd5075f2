import type { Client } from '@temporalio/client';
import { decodeTypedSearchAttributes } from '@temporalio/common/lib/converter/payload-search-attributes.js';
import { decodeMapFromPayloads } from '@temporalio/common/lib/internal-non-workflow/index.js';
import type { temporal } from '@temporalio/proto';
import { summaryMessage } from '../../certificates/status-messages.ts';
import { nextAttemptOf, renewalTimeOf } from '../../contract/bundle-record.ts';
import { type ClusterStatus, clusterStatus } from '../../contract/cluster-certificates.ts';
import { identityOfWorkflow, issuanceWorkflowId } from '../../contract/ids.ts';
import { CertExpiry, CertIssuer, CertReason, CertRenewAt, CertState } from '../../contract/search-attributes.ts';
import { withTolerantMemos } from '../../payloads/data-converter.ts';
import type { ClusterName } from '../arguments.ts';
import { findClusterWorkflow, PAGE_TIMEOUT_MS, runningClustersQuery } from '../cluster-workflow.ts';
import { describeCurrentActivity } from '../issuance-progress.ts';
import {
  type CertificateRow,
  type ClusterReport,
  describeGate,
  type FleetReport,
  type FleetRow,
} from './status-view.ts';

const PAGE_SIZE = 1_000;

/** Every cluster and standalone CertificateRequest that has a workflow, from search attributes: no worker is needed. */
export async function fleetFromTemporal(client: Client, managementCluster: string): Promise<FleetReport> {
  const clusters: FleetRow[] = [];
  for await (const page of pagesOf(client, runningClustersQuery(managementCluster))) {
    for (const execution of page) {
      const cluster = await identityOf(client, managementCluster, execution);
      if (cluster === undefined) continue;
      const attributes = decodeTypedSearchAttributes(execution.searchAttributes?.indexedFields);
      clusters.push({
        cluster: `${cluster.namespace}/${cluster.name}`,
        state: attributes.get(CertState) ?? 'Pending',
        reason: attributes.get(CertReason),
        issuer: attributes.get(CertIssuer),
        notAfter: attributes.get(CertExpiry)?.toISOString(),
        renewalTime: attributes.get(CertRenewAt)?.toISOString(),
      });
    }
  }
  return { source: 'temporal', clusters };
}

type ListedExecution = temporal.api.workflow.v1.IWorkflowExecutionInfo;

/** Each page is asked for while the one before is read; the client's own list also decodes what no row shows. */
async function* pagesOf(client: Client, query: string): AsyncGenerator<readonly ListedExecution[]> {
  const { namespace } = client.options;
  const ask = (nextPageToken: Uint8Array) =>
    client.withDeadline(Date.now() + PAGE_TIMEOUT_MS, () =>
      client.workflowService.listWorkflowExecutions({ namespace, query, pageSize: PAGE_SIZE, nextPageToken }),
    );
  let next = ask(new Uint8Array());
  for (;;) {
    const { executions, nextPageToken } = await next;
    const isLast = nextPageToken.length === 0;
    if (!isLast) next = ask(nextPageToken);
    // Its failure is thrown when it is awaited.
    next.catch(() => undefined);
    yield executions;
    if (isLast) return;
  }
}

/** Only of a name that is truncated in the workflow id, the memo is decoded. */
async function identityOf(client: Client, managementCluster: string, { execution, memo }: ListedExecution) {
  const workflowId = execution?.workflowId ?? '';
  const identity = identityOfWorkflow(managementCluster, { workflowId });
  if (identity !== undefined) return identity;
  const { loadedDataConverter, namespace } = withTolerantMemos(client).options;
  const context = { type: 'workflow', namespace, workflowId } as const;
  const decoded = await decodeMapFromPayloads(loadedDataConverter, memo?.fields, context);
  return identityOfWorkflow(managementCluster, { workflowId, memo: decoded });
}

/** @returns undefined when the cluster has no workflow. */
export async function clusterFromTemporal(
  client: Client,
  managementCluster: string,
  name: ClusterName,
): Promise<ClusterReport | undefined> {
  const handle = await findClusterWorkflow(client, managementCluster, name);
  if (handle === undefined) return undefined;
  const status = await handle.query(clusterStatus);
  return {
    source: 'temporal',
    cluster: `${name.namespace}/${name.name}`,
    workflowId: handle.workflowId,
    situation: describeGate(status.cluster),
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
    message: summaryMessage(record),
    dnsNames,
    secretName,
    issuer: certificate?.issuerName,
    serialNumber: certificate?.serialNumber,
    notAfter: certificate?.notAfter,
    renewalTime: renewalTimeOf(record),
    nextAttempt: nextAttemptOf(record),
    activity:
      state === 'Issuing' || state === 'Renewing'
        ? await describeCurrentActivity(client, issuanceWorkflowId(status.cluster.identity, bundle, record.orders))
        : undefined,
  };
}
