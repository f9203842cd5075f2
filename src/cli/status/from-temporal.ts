/** Status as the workflows tell it. */
import type { Client } from '@temporalio/client';
import { summaryMessage } from '../../certificates/status-messages.ts';
import { gateOf } from '../../clusters/gate.ts';
import { type ClusterStatus, clusterStatus } from '../../contract/cluster-certificates.ts';
import { identityOfWorkflow, issuanceWorkflowId } from '../../contract/ids.ts';
import { CertExpiry, CertIssuer, CertReason, CertRenewAt, CertState } from '../../contract/search-attributes.ts';
import type { ClusterName } from '../cluster-argument.ts';
import { describeCurrentActivity } from '../current-activity.ts';
import { findClusterWorkflow, runningClustersQuery } from '../find-cluster-workflow.ts';
import type { CertificateRow, ClusterReport, FleetReport, FleetRow } from './status-view.ts';

const PAGE_SIZE = 1_000;

/** Every cluster, and request that stands alone, that has a workflow, from their search attributes: one listing, no worker needed. */
export async function fleetFromTemporal(client: Client, managementCluster: string): Promise<FleetReport> {
  const clusters: FleetRow[] = [];
  for await (const execution of client.workflow.list({
    query: runningClustersQuery(managementCluster),
    pageSize: PAGE_SIZE,
  })) {
    const cluster = identityOfWorkflow(managementCluster, execution);
    if (cluster === undefined) continue;
    const attributes = execution.typedSearchAttributes;
    const reason = attributes.get(CertReason);
    const issuer = attributes.get(CertIssuer);
    const notAfter = attributes.get(CertExpiry)?.toISOString();
    const renewalTime = attributes.get(CertRenewAt)?.toISOString();
    clusters.push({
      cluster: `${cluster.namespace}/${cluster.name}`,
      state: attributes.get(CertState) ?? 'Pending',
      ...(reason === undefined ? {} : { reason }),
      ...(issuer === undefined ? {} : { issuer }),
      ...(notAfter === undefined ? {} : { notAfter }),
      ...(renewalTime === undefined ? {} : { renewalTime }),
    });
  }
  return { source: 'temporal', clusters };
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
  const certificates = await Promise.all(
    Object.entries(status.bundles).map(([bundle, record]) => certificateLine(client, status, bundle, record)),
  );
  const gate = gateOf(status.cluster);
  const situation = gate.kind === 'serve' ? gate.note : gate.message;
  return {
    source: 'temporal',
    cluster: `${name.namespace}/${name.name}`,
    workflowId: handle.workflowId,
    ...(situation === undefined ? {} : { situation }),
    certificates,
  };
}

async function certificateLine(
  client: Client,
  status: ClusterStatus,
  bundle: string,
  record: ClusterStatus['bundles'][string],
): Promise<CertificateRow> {
  const { certificate, renewalTime, nextAttempt } = record;
  const issuing = record.state === 'Issuing' || record.state === 'Renewing';
  const step = issuing
    ? await describeCurrentActivity(client, issuanceWorkflowId(status.cluster.identity, bundle, record.orders))
    : undefined;
  return {
    bundle,
    state: record.state,
    message: summaryMessage(record),
    dnsNames: record.dnsNames,
    secretName: record.secretName,
    ...(certificate === undefined
      ? {}
      : { issuer: certificate.issuerName, serialNumber: certificate.serialNumber, notAfter: certificate.notAfter }),
    ...(renewalTime === undefined ? {} : { renewalTime }),
    ...(nextAttempt === undefined ? {} : { nextAttempt }),
    ...(step === undefined ? {} : { activity: step }),
  };
}
