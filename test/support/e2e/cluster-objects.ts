/** Objects of a cluster: applied as Hive and its users apply them, and what users can read about them. */
import { X509Certificate } from 'node:crypto';
import { WorkflowNotFoundError } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { withHiveClient } from '../../../local/stack/management-cluster/clients.ts';
import { type SampleCluster, sampleManifests } from '../../../local/stack/management-cluster/sample-cluster.ts';
import type { ClusterIdentity } from '../../../src/clusters/cluster-identity.ts';
import { type BundleRecord } from '../../../src/contract/bundle-record.ts';
import { clusterStatus } from '../../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId, issuanceWorkflowId } from '../../../src/contract/ids.ts';
import { type KubernetesObject, type ResourceType } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { objectPath } from '../../../src/kubernetes/api/resource-path.ts';
import {
  CERTIFICATE_REQUESTS,
  CLUSTER_DEPLOYMENTS,
  DNS_ZONES,
  EVENTS,
  NAMESPACES,
  SECRETS,
} from '../../../src/kubernetes/objects/resources.ts';
import { readTlsSecret } from '../../../src/kubernetes/objects/tls-secret.ts';
import type { E2eHarness } from './harness.ts';

/** The objects of a cluster on the management cluster, as plain objects that tests can change. */
export interface ClusterObjects {
  /** Absent: not created. */
  readonly credentials?: KubernetesObject | undefined;
  readonly dnsZone?: KubernetesObject | undefined;
  /** Id in the DNSZone's status. Absent: Hive has not created the hosted zone yet. */
  readonly zoneId?: string | undefined;
  readonly clusterDeployment: KubernetesObject & { readonly spec: Readonly<Record<string, unknown>> };
  /** More objects in the cluster's namespace. */
  readonly others?: readonly (readonly [ResourceType, KubernetesObject])[];
}

/** The objects of an installed, managed cluster with valid input. */
export function validClusterObjects(cluster: SampleCluster, zoneId: string): ClusterObjects {
  const manifests = sampleManifests(cluster, { installed: true });
  const ofKind = (kind: string): KubernetesObject => {
    const found = manifests.find((manifest) => manifest.kind === kind);
    if (found === undefined) throw new Error(`the sample has no ${kind}`);
    return found;
  };
  return {
    credentials: ofKind('Secret'),
    dnsZone: ofKind('DNSZone'),
    zoneId,
    clusterDeployment: ofKind('ClusterDeployment') as ClusterObjects['clusterDeployment'],
  };
}

/** @returns the objects with fields of the ClusterDeployment's spec replaced. */
export function withSpec(objects: ClusterObjects, change: Readonly<Record<string, unknown>>): ClusterObjects {
  const { clusterDeployment } = objects;
  return {
    ...objects,
    clusterDeployment: { ...clusterDeployment, spec: { ...clusterDeployment.spec, ...change } },
  };
}

/** @returns the objects with fields of the ClusterDeployment's metadata replaced. */
export function withMetadata(objects: ClusterObjects, change: Partial<KubernetesObject['metadata']>): ClusterObjects {
  const { clusterDeployment } = objects;
  return {
    ...objects,
    clusterDeployment: { ...clusterDeployment, metadata: { ...clusterDeployment.metadata, ...change } },
  };
}

/** Applies all objects, the ClusterDeployment last: Hive sets it to installed when everything else exists. */
export async function applyClusterObjects(lab: E2eHarness, objects: ClusterObjects): Promise<void> {
  const { namespace = '' } = objects.clusterDeployment.metadata;
  await withHiveClient(lab.stack.kubernetes.adminKubeconfig, async (hive) => {
    const apply = async (resource: ResourceType, object: KubernetesObject): Promise<void> =>
      hive.apply([{ path: objectPath(resource, object.metadata), body: object }]);
    await apply(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    await Promise.all([
      objects.credentials && apply(SECRETS, objects.credentials),
      objects.dnsZone && apply(DNS_ZONES, objects.dnsZone),
      ...(objects.others ?? []).map(([resource, object]) => apply(resource, object)),
    ]);
    if (objects.dnsZone !== undefined && objects.zoneId !== undefined) {
      await hive.mergePatch([zoneStatus(objects.dnsZone, objects.zoneId)]);
    }
    await apply(CLUSTER_DEPLOYMENTS, objects.clusterDeployment);
  });
}

/** The status patch that Hive sends once it has created the hosted zone. */
export function zoneStatus(dnsZone: KubernetesObject, zoneId: string) {
  return {
    path: `${objectPath(DNS_ZONES, dnsZone.metadata)}/status`,
    body: { status: { aws: { zoneID: zoneId } } },
  };
}

/** JSON merge patch by Hive or a user. */
export async function patchAsHive(
  lab: E2eHarness,
  resource: ResourceType,
  key: { readonly namespace: string; readonly name: string },
  body: unknown,
): Promise<void> {
  await withHiveClient(lab.stack.kubernetes.adminKubeconfig, (hive) =>
    hive.mergePatch([{ path: objectPath(resource, key), body }]),
  );
}

/** A condition in a CertificateRequest's status. */
export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

/** The fields of an Event that the tests compare. */
export interface ReportedEvent {
  readonly involvedKind: string;
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly count: number;
}

/** What the API server shows users about a cluster's certificate. */
export interface ReportedState {
  readonly conditions: readonly Condition[];
  readonly status: Readonly<Record<string, unknown>>;
  readonly events: readonly ReportedEvent[];
}

/** Reads the CertificateRequest's status and all Events of the namespace. */
export async function readReportedState(lab: E2eHarness, cluster: SampleCluster): Promise<ReportedState> {
  const { namespace } = cluster;
  const request = await lab.kubernetes.get(CERTIFICATE_REQUESTS, { namespace, name: cluster.requestName });
  const status = (request?.['status'] ?? {}) as ReportedState['status'] & {
    readonly conditions?: readonly Condition[];
  };
  const events: ReportedEvent[] = [];
  for await (const event of lab.kubernetes.list(EVENTS, { namespace })) {
    const { kind } = event['involvedObject'] as { readonly kind: string };
    events.push({
      involvedKind: kind,
      type: String(event['type']),
      reason: String(event['reason']),
      message: String(event['message']),
      count: Number(event['count']),
    });
  }
  return { conditions: status.conditions ?? [], status, events };
}

/** @returns the identity that is the workflow's input. */
export async function identityOf(lab: E2eHarness, cluster: SampleCluster): Promise<ClusterIdentity> {
  const { namespace, name } = cluster;
  const found = await lab.kubernetes.get(CLUSTER_DEPLOYMENTS, { namespace, name });
  return { managementCluster: 'hive', namespace, name, uid: found?.metadata.uid ?? '' };
}

/** State of a cluster's workflow. */
export interface WorkflowState {
  /** Its record of the bundle. */
  readonly record: BundleRecord | undefined;
  /** Length of its history. */
  readonly events: number;
  /** Whether a workflow task, an activity or a child workflow is pending. */
  readonly busy: boolean;
}

/** @returns undefined when the cluster has no workflow. */
export async function describeClusterWorkflow(
  lab: E2eHarness,
  cluster: SampleCluster,
): Promise<WorkflowState | undefined> {
  const handle = lab.client.workflow.getHandle(clusterWorkflowId(await identityOf(lab, cluster)));
  try {
    const { bundles } = await handle.query(clusterStatus);
    // Described after the query, because a query is a workflow task too.
    const { historyLength, raw } = await handle.describe();
    const pending = (raw.pendingActivities?.length ?? 0) + (raw.pendingChildren?.length ?? 0);
    return {
      record: bundles[cluster.bundleName],
      events: historyLength,
      busy: pending > 0 || Boolean(raw.pendingWorkflowTask),
    };
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/** A certificate in its Secret. */
export interface Issued {
  readonly serialNumber: string;
  readonly certificate: X509Certificate;
}

/** @returns the certificate in the Secret; undefined while it holds no valid one. */
export async function readInstalledCertificate(lab: E2eHarness, cluster: SampleCluster): Promise<Issued | undefined> {
  const secret = await readTlsSecret(lab.kubernetes, { namespace: cluster.namespace, name: cluster.secretName });
  if (secret.kind !== 'valid') return undefined;
  return {
    serialNumber: secret.certificate.serialNumber,
    certificate: new X509Certificate(secret.chainPem),
  };
}

/** URLs of the CA's orders that the cluster's issuances worked on, oldest first. */
export async function orderUrlsOf(lab: E2eHarness, cluster: SampleCluster): Promise<readonly string[]> {
  const identity = await identityOf(lab, cluster);
  const issuances = (await describeClusterWorkflow(lab, cluster))?.record?.orders ?? 0;
  const orders: string[] = [];
  for (let attempt = 1; attempt <= issuances; attempt += 1) {
    const id = issuanceWorkflowId(identity, cluster.bundleName, attempt);
    const { events } = await lab.client.workflow.getHandle(id).fetchHistory();
    for (const event of events ?? []) {
      const payload = event.activityTaskCompletedEventAttributes?.result?.payloads?.[0];
      if (payload === undefined) continue;
      const result = defaultPayloadConverter.fromPayload<{ readonly orderUrl?: string } | null>(payload);
      if (typeof result?.orderUrl === 'string') orders.push(result.orderUrl);
    }
  }
  return orders;
}
