/** Reads the state of certificates from the CA and its log, Route 53, the API server and Temporal. */
import type { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Route53Client } from '@aws-sdk/client-route-53';
import { defaultPayloadConverter } from '@temporalio/common';
import { sendRequest } from '../../../local/stack/http.ts';
import { revokeCertificate } from '../../../src/acme/certificate.ts';
import { nextAttemptOf } from '../../../src/contract/bundle-record.ts';
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
import { conditionOf } from './standalone-requests.ts';

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

/** What the CA's log records. */
export interface CaLog {
  /** Orders that the CA accepted. */
  readonly orders: number;
  /** Orders that the CA accepted as the replacement of a certificate (RFC 9773 §5). */
  readonly replacing: number;
  /** Serial numbers (decimal) of all certificates issued, oldest first. */
  readonly serials: readonly string[];
}

/** Reads the CA's log, which also records certificates that certman never received. */
export async function caLog(lab: E2eHarness): Promise<CaLog> {
  const { orders, replacing, issued } = await readCaLog(lab.stack.stateDir);
  return { orders, replacing, serials: issued.map(({ serialNumber }) => serialNumber) };
}

/** @returns the certificate's Secret. */
export function getSecret(lab: E2eHarness, cluster: E2eCluster): Promise<KubernetesObject | undefined> {
  return lab.kubernetes.get(SECRETS, { namespace: cluster.namespace, name: cluster.secretName });
}

/** @returns the cluster's CertificateRequest. */
export function getRequest(lab: E2eHarness, cluster: E2eCluster): Promise<KubernetesObject | undefined> {
  return lab.kubernetes.get(CERTIFICATE_REQUESTS, { namespace: cluster.namespace, name: cluster.requestName });
}

/** @returns the ClusterDeployment. */
export function getClusterDeployment(lab: E2eHarness, cluster: E2eCluster): Promise<KubernetesObject | undefined> {
  return lab.kubernetes.get(CLUSTER_DEPLOYMENTS, { namespace: cluster.namespace, name: cluster.name });
}

/** Names of the staging Secrets in the cluster's namespace. */
export async function stagingSecrets(lab: E2eHarness, cluster: E2eCluster): Promise<readonly string[]> {
  const names: string[] = [];
  const options = { namespace: cluster.namespace, labelSelector: 'certman.managed.openshift.io/staging=true' };
  for await (const secret of lab.kubernetes.list(SECRETS, options)) names.push(secret.metadata.name);
  return names;
}

/** `reason: message` of the Events in the cluster's namespace. */
export async function eventsOf(lab: E2eHarness, cluster: E2eCluster): Promise<readonly string[]> {
  const events: string[] = [];
  for await (const event of lab.kubernetes.list(EVENTS, { namespace: cluster.namespace })) {
    events.push(`${String(event['reason'])}: ${String(event['message'])}`);
  }
  return events;
}

/** Queries the cluster's workflow for its status. */
export function statusOf(lab: E2eHarness, cluster: Pick<E2eCluster, 'identity'>): Promise<ClusterStatus> {
  return lab.client.workflow.getHandle(clusterWorkflowId(cluster.identity)).query(clusterStatus);
}

/** Waits until the workflow has completed. @returns its result. */
export async function decommissionResultOf(lab: E2eHarness, cluster: E2eCluster): Promise<DecommissionResult> {
  const handle = lab.client.workflow.getHandle(clusterWorkflowId(cluster.identity));
  await waitFor(`the workflow of ${cluster.name} has completed`, async () => {
    const { status, historyLength, raw } = await handle.describe();
    const pending = raw.pendingActivities?.map(({ activityType, lastFailure }) => [
      activityType?.name,
      lastFailure?.message,
    ]);
    return status.name === 'RUNNING' ? `${historyLength} events, pending: ${JSON.stringify(pending)}` : {};
  });
  return (await handle.result()) as DecommissionResult;
}

/** An activity in a workflow's history. */
export interface RecordedActivity {
  readonly type: string;
  readonly summary: string;
  /** Number of the last attempt; 0 while the activity runs. */
  readonly attempt: number;
  /** Its last attempt timed out. */
  readonly timedOut: boolean;
}

/** @returns the activities in a workflow's history, in the order of scheduling. */
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
        timedOut: false,
      });
    }
    const started = event.activityTaskStartedEventAttributes;
    const activity = started ? found.get(String(started.scheduledEventId)) : undefined;
    if (started && activity)
      found.set(String(started.scheduledEventId), { ...activity, attempt: started.attempt ?? 1 });
    const lost = String(event.activityTaskTimedOutEventAttributes?.scheduledEventId);
    const ended = found.get(lost);
    if (ended) found.set(lost, { ...ended, timedOut: true });
  }
  return [...found.values()];
}

/** Collects an asynchronous iterable. */
export async function collect<T>(listing: AsyncIterable<T>): Promise<readonly T[]> {
  const all: T[] = [];
  for await (const one of listing) all.push(one);
  return all;
}

/** Whether the workflow of a cluster has recorded a certificate as its own. */
export async function recordsCertificate(
  lab: E2eHarness,
  cluster: Pick<E2eCluster, 'identity'>,
  serialNumber: string,
): Promise<boolean> {
  const { bundles } = await statusOf(lab, cluster);
  return Object.values(bundles).some(({ certificate }) => certificate?.serialNumber === serialNumber);
}

/** Waits until the request is Ready with the certificate in the Secret, and checks that it is valid at the CA. */
export async function waitUntilCertified(lab: E2eHarness, cluster: E2eCluster): Promise<InstalledCertificate> {
  const installed = await waitFor(`${cluster.name} has its certificate`, async () => {
    // Both are read in each poll: a short-lived certificate may be renewed in between.
    const found = await waitForCertificate(lab.kubernetes, cluster);
    const status = (await getRequest(lab, cluster))?.['status'] as RequestStatus | undefined;
    const ready = status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true;
    if (!ready || status?.serialNumber !== found.serialNumber)
      return `the Secret holds ${found.serialNumber}, the status is ${JSON.stringify(status ?? null)}`;
    // The order writes the status; a renewal that is requested before its workflow knows is fulfilled by that order.
    const recorded = await recordsCertificate(lab, cluster, found.serialNumber);
    return recorded ? found : `the workflow does not know ${found.serialNumber} yet`;
  });
  await expectStatusAtCa(lab.stack, installed.serialNumber, 'Valid');
  return installed;
}

/** Waits until what a new cluster serves was probed, which ends in a write of its own, here that its address is not public. */
export async function waitUntilProbed(lab: E2eHarness, cluster: E2eCluster): Promise<void> {
  await waitFor(`${cluster.name} is probed`, async () => {
    const reason = conditionOf(await getRequest(lab, cluster), 'Served')?.['reason'];
    return reason === 'NotPublic' ? {} : `Served has the reason ${String(reason)}`;
  });
}

interface RequestStatus {
  readonly serialNumber?: string;
  readonly conditions?: readonly { readonly type: string; readonly status: string }[];
}

/** Waits until no issuance is running, and checks that the first worker still runs and is ready. */
export async function expectIdle(lab: E2eHarness): Promise<void> {
  await waitUntilNoneRuns(lab, 'certificateIssuance');
  const [worker] = lab.workers();
  if (worker === undefined || worker.ended() !== undefined)
    throw new Error(`the worker is not running: ${worker?.ended()}`);
  await waitFor('the worker is ready', async () => {
    const { status, body } = await sendRequest(worker.readyUrl);
    return status === 200 ? {} : body;
  });
}

/** Waits until no workflow of a type is listed as running: Temporal lists the end of one a little later than it knows of it. */
export async function waitUntilNoneRuns(lab: E2eHarness, workflowType: string): Promise<void> {
  const query = `ExecutionStatus = 'Running' AND WorkflowType = '${workflowType}'`;
  await waitFor(`no ${workflowType} runs`, async () => {
    const running = await collect(lab.client.workflow.list({ query }));
    return running.length === 0 ? {} : running.map(({ workflowId }) => workflowId).join(', ');
  });
}

/**
 * Waits for Events in the cluster's namespace that have these parts of `reason: message`: each is recorded after the status that
 * it belongs to. @returns all of them.
 */
export async function waitForEvents(
  lab: E2eHarness,
  cluster: E2eCluster,
  ...parts: readonly string[]
): Promise<readonly string[]> {
  return await waitFor(`Events of ${cluster.name}: ${parts.join(', ')}`, async () => {
    const events = await eventsOf(lab, cluster);
    const missing = parts.filter((part) => !events.some((event) => event.includes(part)));
    return missing.length === 0 ? events : `missing: ${missing.join(', ')}; there are ${events.join('; ')}`;
  });
}

/**
 * Waits until the scheduled attempt of the primary bundle is due, if one is scheduled. After several failures, which a slow
 * machine may take, that is later than any wait for a certificate lasts.
 */
export async function waitForNextAttempt(lab: E2eHarness, cluster: E2eCluster): Promise<void> {
  const record = (await statusOf(lab, cluster)).bundles[cluster.bundleName];
  const nextAttempt = record && nextAttemptOf(record);
  if (nextAttempt !== undefined) await sleep(Math.max(0, Date.parse(nextAttempt) - Date.now()));
}

/**
 * Waits until no object or TXT record of a cluster is left on the API server, at Route 53 and in DNS, and checks that the CA
 * has revoked the expected certificates.
 * @returns the result of the decommission.
 */
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
  const result = await decommissionResultOf(lab, cluster);
  if (!result.finalizerRemoved)
    throw new Error(`the result says that the finalizer was not removed: ${JSON.stringify(result)}`);
  return result;
}

function belongsTo(record: string, cluster: E2eCluster): boolean {
  return record.endsWith(`.${cluster.name}.${cluster.zone}`);
}

/** Revokes a certificate with the account's key, bypassing certman. */
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
