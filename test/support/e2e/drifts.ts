/** Changes made with kubectl to objects that certman owns, and the expected effect on the certificate. */
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { defaultPayloadConverter } from '@temporalio/common';
import { issuanceWorkflowId } from '../../../src/contract/ids.ts';
import type { ObjectKey } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { FINALIZER, SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { readTlsSecret } from '../../../src/kubernetes/objects/tls-secret.ts';
import { waitFor } from './checks.ts';
import type { E2eCluster } from './clusters.ts';
import { getClusterDeployment, getRequest, statusOf } from './evidence.ts';
import type { E2eHarness } from './harness.ts';

/** One kind of drift. */
export interface Drift {
  readonly name: string;
  readonly apply: (lab: E2eHarness, cluster: E2eCluster) => Promise<unknown>;
  /**
   * `kept`: the same Secret with the same data, and nothing ordered. `ordered`: a new certificate, by one order. `raced`: `ordered`
   * if the garbage collector is faster than a worker, else `kept`.
   */
  readonly effect: 'kept' | 'ordered' | 'raced';
  /** Part of the issuance's reason. */
  readonly reason?: string;
  /** The CertificateRequest is recreated, with another UID. */
  readonly requestRecreated?: true;
}

const patchOf =
  (object: (cluster: E2eCluster) => readonly string[]) =>
  (change: unknown, ...more: readonly string[]) =>
  (lab: E2eHarness, cluster: E2eCluster): Promise<unknown> =>
    lab.stack.kubectl([
      'patch',
      ...object(cluster),
      '-n',
      cluster.namespace,
      `--type=${Array.isArray(change) ? 'json' : 'merge'}`,
      '-p',
      JSON.stringify(change),
      ...more,
    ]);
const onSecret = patchOf(({ secretName }) => ['secret', secretName]);
const onRequest = patchOf(({ requestName }) => ['certificaterequest', requestName]);
const onDeployment = patchOf(({ name }) => ['clusterdeployment', name]);
const STATUS = '--subresource=status';

const deleteRequest = (cascade: string) => (lab: E2eHarness, cluster: E2eCluster) =>
  lab.stack.kubectl([
    'delete',
    'certificaterequest',
    cluster.requestName,
    '-n',
    cluster.namespace,
    `--cascade=${cascade}`,
    '--wait=false',
  ]);

/**
 * Waits until the garbage collector has seen every Secret as it is now: it sees them in order, and deletes one that has lost its
 * owner, which this creates last.
 */
async function waitUntilCollectorHasSeenSecrets(lab: E2eHarness, { namespace, name }: E2eCluster): Promise<void> {
  const missing = { apiVersion: 'v1', kind: 'ConfigMap', name: 'missing', uid: randomUUID() };
  const last = { namespace, name: `${name}-last` };
  await lab.kubernetes.create(SECRETS, { metadata: { ...last, ownerReferences: [missing] } });
  await waitUntilRemoved(lab, last);
}

/** Waits until the garbage collector has deleted a Secret. */
export async function waitUntilRemoved(lab: E2eHarness, secret: ObjectKey): Promise<void> {
  await waitFor(`the garbage collector deletes the Secret ${secret.name}`, async () =>
    (await lab.kubernetes.get(SECRETS, secret)) === undefined ? {} : 'it exists',
  );
}

function otherKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' })).toString('base64');
}

export const DRIFTS: readonly Drift[] = [
  {
    name: 'Secret deleted',
    apply: (lab, { namespace, secretName }) => lab.stack.kubectl(['delete', 'secret', secretName, '-n', namespace]),
    effect: 'ordered',
    reason: 'There is no certificate in the Secret',
  },
  {
    name: 'Secret filled with garbage',
    apply: onSecret({ data: { 'tls.crt': btoa('gar'), 'tls.key': btoa('bage') } }),
    effect: 'ordered',
    reason: 'cannot serve',
  },
  {
    name: 'key swapped for another valid one',
    apply: (lab, cluster) => onSecret({ data: { 'tls.key': otherKey() } })(lab, cluster),
    effect: 'ordered',
    reason: 'Key and certificate do not belong together',
  },
  {
    name: 'label of the Secret removed',
    apply: onSecret({ metadata: { labels: { certificate_request: null } } }),
    effect: 'kept',
  },
  {
    name: 'owner reference of the Secret removed',
    apply: onSecret({ metadata: { ownerReferences: null } }),
    effect: 'kept',
  },
  {
    name: 'CertificateRequest deleted',
    apply: deleteRequest('background'),
    effect: 'kept',
    requestRecreated: true,
  },
  {
    name: 'CertificateRequest deleted, orphaning',
    apply: deleteRequest('orphan'),
    effect: 'kept',
    requestRecreated: true,
  },
  {
    // With blockOwnerDeletion, as certman-operator sets it, the garbage collector deletes the Secret as soon as it sees the
    // deletion, unless certman has removed the owner reference by then.
    name: 'CertificateRequest deleted, in the foreground',
    apply: async (lab, cluster) => {
      const blocking = [{ op: 'add', path: '/metadata/ownerReferences/0/blockOwnerDeletion', value: true }];
      await onSecret(blocking)(lab, cluster);
      await waitUntilCollectorHasSeenSecrets(lab, cluster);
      await deleteRequest('foreground')(lab, cluster);
    },
    effect: 'raced',
    requestRecreated: true,
    reason: 'There is no certificate in the Secret',
  },
  {
    name: 'names in the CertificateRequest edited',
    apply: onRequest({ spec: { dnsNames: ['api.elsewhere.example.com'] } }),
    effect: 'kept',
  },
  {
    name: 'Secret name in the CertificateRequest edited',
    apply: onRequest({ spec: { certificateSecret: { name: 'elsewhere' } } }),
    effect: 'kept',
  },
  {
    name: 'owner reference of the CertificateRequest removed',
    apply: onRequest({ metadata: { ownerReferences: null } }),
    effect: 'kept',
  },
  {
    name: 'finalizer of the CertificateRequest removed',
    apply: onRequest({ metadata: { finalizers: null } }),
    effect: 'kept',
  },
  {
    name: 'status edited',
    apply: onRequest({ status: { state: 'Odd', notAfter: 'never' } }, STATUS),
    effect: 'kept',
  },
  { name: 'status wiped', apply: onRequest([{ op: 'remove', path: '/status' }], STATUS), effect: 'kept' },
  {
    name: 'finalizer of the ClusterDeployment removed',
    apply: onDeployment({ metadata: { finalizers: null } }),
    effect: 'kept',
  },
];

/** @returns how a cluster with a valid certificate differs from the desired state; an empty object when it does not. */
export async function describeDrift(lab: E2eHarness, cluster: E2eCluster): Promise<object | string> {
  const [deployment, request, secret] = await Promise.all([
    getClusterDeployment(lab, cluster),
    getRequest(lab, cluster),
    readTlsSecret(lab.kubernetes, { namespace: cluster.namespace, name: cluster.secretName }),
  ]);
  if (deployment?.metadata.finalizers?.includes(FINALIZER) !== true) return 'the ClusterDeployment has no finalizer';
  if (request === undefined) return 'there is no request';
  const { metadata } = request;
  if (metadata.deletionTimestamp !== undefined) return 'the request is being deleted';
  if (metadata.finalizers?.includes(FINALIZER) !== true) return 'the request has no finalizer';
  if (metadata.ownerReferences?.[0]?.['uid'] !== cluster.identity.uid) return 'the request has no owner reference';
  const spec = request['spec'] as { dnsNames: unknown; certificateSecret: { name: string } };
  if (JSON.stringify(spec.dnsNames) !== JSON.stringify(cluster.dnsNames)) return `names are ${String(spec.dnsNames)}`;
  if (spec.certificateSecret.name !== cluster.secretName) return `the Secret is ${spec.certificateSecret.name}`;
  if (secret.kind !== 'valid') return `the Secret is ${secret.kind}`;
  if (secret.metadata.labels?.['certificate_request'] !== cluster.requestName) return 'the Secret lacks its label';
  const owners = secret.metadata.ownerReferences ?? [];
  if (owners.length !== 1 || owners[0]?.['uid'] !== metadata.uid) return 'the Secret is not owned by the request';
  const status = request['status'] as Readonly<Record<string, unknown>> | undefined;
  const { serialNumber, notAfter } = secret.certificate;
  const current =
    status?.['state'] === 'Ready' && status['serialNumber'] === serialNumber && status['notAfter'] === notAfter;
  return current ? {} : `the status is ${JSON.stringify(status ?? null)}`;
}

/** @returns how many issuances the cluster's workflow has started, and the reason of the last one. */
export async function orderCountAndReason(
  lab: E2eHarness,
  cluster: E2eCluster,
): Promise<{ count: number; reason: string }> {
  const count = (await statusOf(lab, cluster)).bundles[cluster.bundleName]?.orders ?? 0;
  const workflowId = issuanceWorkflowId(cluster.identity, cluster.bundleName, count);
  const { events } = await lab.client.workflow.getHandle(workflowId).fetchHistory();
  const [input] = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
  if (!input) throw new Error(`the history of ${workflowId} does not begin with its input`);
  return { count, reason: defaultPayloadConverter.fromPayload<{ reason: string }>(input).reason };
}
