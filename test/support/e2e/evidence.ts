/** What became of a certificate, asked of those who know: the CA and its log, Route 53, the API server, Temporal. */
import type { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Route53Client } from '@aws-sdk/client-route-53';
import { defaultPayloadConverter } from '@temporalio/common';
import { sendRequest } from '../../../local/stack/http.ts';
import { revokeCertificate } from '../../../src/acme/certificate.ts';
import {
  type ClusterStatus,
  clusterStatus,
  type DecommissionResult,
} from '../../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId } from '../../../src/contract/ids.ts';
import type { KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import {
  CERTIFICATE_REQUESTS,
  CLUSTER_DEPLOYMENTS,
  EVENTS,
  SECRETS,
} from '../../../src/kubernetes/objects/resources.ts';
import { caSource } from '../acme/account.ts';
import { readCaLog } from '../acme/ca-log.ts';
import { readTxtSets } from '../dns/txt-record-sets.ts';
import {
  expectStatusAtCa,
  type InstalledCertificate,
  waitFor,
  waitForCertificate,
  waitForObjectRemoval,
  waitForTxtRemoval,
} from './checks.ts';
import type { E2eCluster } from './clusters.ts';
import type { E2eHarness } from './harness.ts';

/** TXT values of a zone at Route 53, by name without the trailing dot. */
export async function txtRecords(
  lab: { readonly stack: Pick<E2eHarness['stack'], 'route53'>; readonly zone: E2eHarness['zone'] },
  zoneId = lab.zone.zoneId,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const { endpoint, region, credentials } = lab.stack.route53;
  const client = new Route53Client({ endpoint, region, credentials });
  try {
    return await readTxtSets(client, zoneId);
  } finally {
    client.destroy();
  }
}

export interface CaLog {
  /** Orders that the CA took. */
  readonly orders: number;
  /** Those of them that it took for the replacement of a certificate (RFC 9773 §5). */
  readonly replacing: number;
  /** Serial numbers (decimal) of everything it ever issued, in order. */
  readonly serials: readonly string[];
}

/** From the CA's own log: it knows also what nobody else came to know. */
export async function caLog(lab: E2eHarness): Promise<CaLog> {
  const { orders, replacing, issued } = await readCaLog(lab.stack.stateDir);
  return { orders, replacing, serials: issued.map(({ serialNumber }) => serialNumber) };
}

export function getSecret(lab: E2eHarness, cluster: E2eCluster): Promise<KubernetesObject | undefined> {
  return lab.kubernetes.get(SECRETS, { namespace: cluster.namespace, name: cluster.secretName });
}

export function getRequest(lab: E2eHarness, cluster: E2eCluster): Promise<KubernetesObject | undefined> {
  return lab.kubernetes.get(CERTIFICATE_REQUESTS, { namespace: cluster.namespace, name: cluster.requestName });
}

export function getClusterDeployment(lab: E2eHarness, cluster: E2eCluster): Promise<KubernetesObject | undefined> {
  return lab.kubernetes.get(CLUSTER_DEPLOYMENTS, { namespace: cluster.namespace, name: cluster.name });
}

/** Names of the Secrets in the cluster's namespace that hold a key whose certificate is not installed. */
export async function stagingSecrets(lab: E2eHarness, cluster: E2eCluster): Promise<readonly string[]> {
  const names: string[] = [];
  const options = { namespace: cluster.namespace, labelSelector: 'certman.managed.openshift.io/staging=true' };
  for await (const secret of lab.kubernetes.list(SECRETS, options)) names.push(secret.metadata.name);
  return names;
}

/** `reason: message` of the Events in the cluster's namespace. */
export async function eventsOf(lab: E2eHarness, cluster: E2eCluster): Promise<readonly string[]> {
  const said: string[] = [];
  for await (const event of lab.kubernetes.list(EVENTS, { namespace: cluster.namespace })) {
    said.push(`${String(event['reason'])}: ${String(event['message'])}`);
  }
  return said;
}

/** Where the cluster's workflow says it is. */
export function statusOf(lab: E2eHarness, cluster: E2eCluster): Promise<ClusterStatus> {
  return lab.client.workflow.getHandle(clusterWorkflowId(cluster.identity)).query(clusterStatus);
}

/** Waits until the workflow has ended. @returns what it says it did. */
export async function decommissionResultOf(lab: E2eHarness, cluster: E2eCluster): Promise<DecommissionResult> {
  const handle = lab.client.workflow.getHandle(clusterWorkflowId(cluster.identity));
  await waitFor(`the workflow of ${cluster.name} has ended`, async () => {
    const { status, historyLength, raw } = await handle.describe();
    const pending = raw.pendingActivities?.map(({ activityType, lastFailure }) => [
      activityType?.name,
      lastFailure?.message,
    ]);
    return status.name === 'RUNNING' ? `${historyLength} events, pending: ${JSON.stringify(pending)}` : {};
  });
  return (await handle.result()) as DecommissionResult;
}

/** An activity as its issuance's history tells of it. */
export interface RecordedActivity {
  readonly type: string;
  readonly summary: string;
  /** Of the attempt that ended it; 0 while it has not. */
  readonly attempt: number;
}

export async function activitiesOf(lab: E2eHarness, workflowId: string): Promise<readonly RecordedActivity[]> {
  const { events } = await lab.client.workflow.getHandle(workflowId).fetchHistory();
  const found = new Map<string, RecordedActivity>();
  for (const event of events ?? []) {
    const scheduled = event.activityTaskScheduledEventAttributes;
    if (scheduled) {
      const summary = event.userMetadata?.summary;
      found.set(String(event.eventId), {
        type: scheduled.activityType?.name ?? '',
        summary: summary ? String(defaultPayloadConverter.fromPayload(summary)) : '',
        attempt: 0,
      });
    }
    const started = event.activityTaskStartedEventAttributes;
    const activity = started ? found.get(String(started.scheduledEventId)) : undefined;
    if (started && activity)
      found.set(String(started.scheduledEventId), { ...activity, attempt: started.attempt ?? 1 });
  }
  return [...found.values()];
}

/** All that an asynchronous listing brings. */
export async function collect<T>(listing: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = [];
  for await (const one of listing) all.push(one);
  return all;
}

/** Waits until the request is Ready with the certificate that is in the Secret, which the CA calls valid. */
export async function untilCertified(lab: E2eHarness, cluster: E2eCluster): Promise<InstalledCertificate> {
  const installed = await waitFor(`${cluster.name} is certified`, async () => {
    // Both are read anew each time: a short-lived certificate may be renewed in between.
    const found = await waitForCertificate(lab.kubernetes, cluster);
    const status = (await getRequest(lab, cluster))?.['status'] as RequestStatus | undefined;
    const ready = status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true;
    if (ready && status?.serialNumber === found.serialNumber) return found;
    return `the Secret holds ${found.serialNumber}, the status is ${JSON.stringify(status ?? null)}`;
  });
  await expectStatusAtCa(lab.stack, installed.serialNumber, 'Valid');
  return installed;
}

interface RequestStatus {
  readonly serialNumber?: string;
  readonly conditions?: readonly { readonly type: string; readonly status: string }[];
}

/** Every order has come to its end, and the first worker still takes work. */
export async function expectIdle(lab: E2eHarness): Promise<void> {
  const query = `ExecutionStatus = 'Running' AND WorkflowType = 'certificateIssuance'`;
  const running = await collect(lab.client.workflow.list({ query }));
  if (running.length > 0) throw new Error(`still running: ${running.map(({ workflowId }) => workflowId).join(', ')}`);
  const [worker] = lab.workers();
  if (worker === undefined || worker.ended() !== undefined) throw new Error(`the worker ended: ${worker?.ended()}`);
  await waitFor('the worker is ready', async () => {
    const { status, body } = await sendRequest(worker.readyUrl);
    return status === 200 ? {} : body;
  });
}

/** Nothing of a cluster is left on the API server, at Route 53 and in DNS; each certificate is as the CA should have it. */
export async function expectDecommissioned(
  lab: E2eHarness,
  cluster: E2eCluster,
  expected: { readonly revoked?: readonly string[]; readonly zoneId?: string } = {},
): Promise<DecommissionResult> {
  await waitForObjectRemoval(lab.kubernetes, cluster);
  const left = [...(await txtRecords(lab, expected.zoneId)).keys()].filter((name) => belongsTo(name, cluster));
  if (left.length > 0) throw new Error(`Route 53 still has ${left.join(', ')}`);
  if (expected.zoneId === undefined) await waitForTxtRemoval(lab.stack, cluster);
  for (const serial of expected.revoked ?? []) await expectStatusAtCa(lab.stack, serial, 'Revoked');
  const ledger = await decommissionResultOf(lab, cluster);
  if (!ledger.finalizerRemoved) throw new Error(`the ledger says otherwise: ${JSON.stringify(ledger)}`);
  return ledger;
}

function belongsTo(record: string, cluster: E2eCluster): boolean {
  return record.endsWith(`.${cluster.name}.${cluster.zone}`);
}

/** Revokes a certificate in the account's name, past certman. */
export async function revokeAtCa(lab: E2eHarness, certificate: X509Certificate): Promise<void> {
  const secret = await lab.kubernetes.get(SECRETS, { namespace: 'certman-operator', name: 'lets-encrypt-account' });
  const data = secret?.['data'] as Readonly<Record<string, string>>;
  const text = (key: string): string => Buffer.from(data[key] ?? '', 'base64').toString();
  const stored = { privateKeyPem: text('private-key'), accountUrl: text('account-url') };
  const caPem = await readFile(lab.stack.acme.caFile, 'utf8');
  const source = caSource({ directoryUrl: `${lab.ca.url}/dir`, caPem }, { stored });
  try {
    await source.withClient((ca) => revokeCertificate(ca, certificate, 1));
  } finally {
    await source.close();
  }
}
