/** Adoption of clusters that certman-operator managed, without a new order and without preventing a rollback to it. */
import { X509Certificate } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { dependencyChanged, renew } from '../../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId } from '../../../src/contract/ids.ts';
import { type KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { FINALIZER } from '../../../src/kubernetes/objects/resources.ts';
import {
  formatGoTime,
  issueAsOperator,
  type OperatorCertificate,
  type OperatorObjectsOptions,
  operatorSpec,
  writeOperatorObjects,
} from '../../support/e2e/certman-operator-objects.ts';
import { expectStatusAtCa, waitFor, waitForCertificate, waitForReadyRequest } from '../../support/e2e/checks.ts';
import {
  createCluster,
  createClusterBeside,
  deleteCluster,
  type E2eCluster,
  patchCluster,
} from '../../support/e2e/clusters.ts';
import { describeDrift, orderCountAndReason } from '../../support/e2e/drifts.ts';
import {
  expectDecommissioned,
  getClusterDeployment,
  getRequest,
  getSecret,
  statusOf,
} from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';

const lab = useE2eHarness({ worker: false });

interface OperatorCluster {
  readonly cluster: E2eCluster;
  readonly certificate: OperatorCertificate;
  readonly secret: KubernetesObject | undefined;
  readonly request: KubernetesObject | undefined;
}

const newOrders = (): number => lab().ca.seen.filter(({ path }) => path.startsWith('/order-plz')).length;

async function createOperatorCluster(
  cluster: E2eCluster,
  options: OperatorObjectsOptions = {},
): Promise<OperatorCluster> {
  const certificate = await issueAsOperator(lab(), cluster);
  await writeOperatorObjects(lab(), cluster, certificate, options);
  await patchCluster(lab(), cluster, { spec: { installed: true } });
  return { cluster, certificate, secret: await getSecret(lab(), cluster), request: await getRequest(lab(), cluster) };
}

/** Waits until certman serves the cluster with the adopted certificate. */
async function expectAdopted({ cluster, certificate }: OperatorCluster): Promise<void> {
  await waitForReadyRequest(lab().kubernetes, cluster, certificate.serialNumber);
  await waitFor(`${cluster.name} has no drift`, () => describeDrift(lab(), cluster));
}

let whole: OperatorCluster;
let ownerless: OperatorCluster;
let failing: OperatorCluster;
let neighbour: OperatorCluster;

beforeAll(async () => {
  whole = await createOperatorCluster(await createCluster(lab(), 'whole', { installed: false }));
  ownerless = await createOperatorCluster(await createCluster(lab(), 'ownerless', { installed: false }), {
    ownerReferences: false,
  });
  failing = await createOperatorCluster(await createCluster(lab(), 'failing', { installed: false }), {
    failedBefore: true,
  });
  neighbour = await createOperatorCluster(await createClusterBeside(lab(), whole.cluster, 'neighbour'));
  lab().ca.clearSeen();
  await lab().startWorker({ environment: { CERTMAN_RESYNC_INTERVAL: '5s' } });
  await Promise.all([whole, ownerless, failing, neighbour].map(expectAdopted));
  // Two resync intervals.
  await sleep(12_000);
});

describe('adopting clusters of certman-operator', () => {
  test('orders nothing at the CA', async () => {
    expect(newOrders()).toBe(0);
    for (const { cluster } of [whole, ownerless, failing, neighbour]) {
      expect((await statusOf(lab(), cluster)).bundles['primary']).toMatchObject({ state: 'Ready', orders: 0 });
    }
  });

  test('causes no drift signal from watch or resync', async () => {
    for (const { cluster } of [whole, ownerless, failing, neighbour]) {
      const workflow = lab().client.workflow.getHandle(clusterWorkflowId(cluster.identity));
      const { events } = await workflow.fetchHistory();
      const signals = (events ?? []).map((event) => event.workflowExecutionSignaledEventAttributes?.signalName);
      expect(signals).not.toContain(dependencyChanged.name);
    }
  });

  test('leaves the Secret unchanged, including its resourceVersion', async () => {
    for (const { cluster, secret } of [whole, failing, neighbour])
      expect(await getSecret(lab(), cluster)).toEqual(secret);
  });

  test('leaves spec and finalizers of the CertificateRequest unchanged', async () => {
    for (const { cluster, request } of [whole, ownerless, failing, neighbour]) {
      const now = await getRequest(lab(), cluster);
      expect(now?.metadata.uid).toBe(request?.metadata.uid);
      expect(now?.['spec']).toEqual(request?.['spec']);
      expect(now?.metadata.finalizers).toEqual([FINALIZER]);
      expect((await getClusterDeployment(lab(), cluster))?.metadata.finalizers).toEqual([FINALIZER]);
    }
    expect((await getRequest(lab(), whole.cluster))?.metadata.ownerReferences).toMatchObject([
      { uid: whole.cluster.identity.uid, controller: true },
    ]);
  });

  test('adds missing owner references and changes nothing else', async () => {
    const { cluster, secret } = ownerless;
    const [request, now] = [await getRequest(lab(), cluster), await getSecret(lab(), cluster)];
    expect(request?.metadata.ownerReferences).toMatchObject([{ name: cluster.name, uid: cluster.identity.uid }]);
    expect(now?.metadata.ownerReferences).toMatchObject([{ name: cluster.requestName, uid: request?.metadata.uid }]);
    expect(now?.metadata.uid).toBe(secret?.metadata.uid);
    expect(now?.['data']).toEqual(secret?.['data']);
    expect(now?.metadata.labels).toEqual(secret?.metadata.labels);
  });

  test('rewrites the status with dates in RFC 3339 and certman’s conditions instead of the operator’s', async () => {
    for (const { cluster, certificate } of [whole, ownerless, failing, neighbour]) {
      const status = (await getRequest(lab(), cluster))?.['status'] as Readonly<Record<string, unknown>>;
      expect(status).toMatchObject({
        issued: true,
        status: 'Success',
        state: 'Ready',
        serialNumber: certificate.serialNumber,
        notBefore: rfc3339(certificate.leaf.validFromDate),
        notAfter: rfc3339(certificate.leaf.validToDate),
      });
      const conditions = status['conditions'] as readonly { type: string; status: string }[];
      expect(conditions.map(({ type }) => type)).not.toContain('acme error');
      expect(conditions.find(({ type }) => type === 'Ready')).toMatchObject({ status: 'True' });
    }
  });
});

describe('an adopted cluster', () => {
  test('is renewed into the same Secret by one order', async () => {
    const { cluster, certificate, secret } = whole;
    const workflow = lab().client.workflow.getHandle(clusterWorkflowId(cluster.identity));
    await workflow.executeUpdate(renew, { args: [{}] });
    const renewed = await waitForCertificate(lab().kubernetes, cluster, certificate.serialNumber);
    expect(renewed.serialNumber).not.toBe(certificate.serialNumber);
    expect((await getSecret(lab(), cluster))?.metadata.uid).toBe(secret?.metadata.uid);
    expect((await orderCountAndReason(lab(), cluster)).count).toBe(1);
    await waitFor('it has no drift', () => describeDrift(lab(), cluster));
  });

  test('can be returned to certman-operator: spec, Secret and status are as it expects them', async () => {
    const { cluster } = whole;
    const [request, secret] = [await getRequest(lab(), cluster), await getSecret(lab(), cluster)];
    // With another spec, certman-operator would rewrite the request, or consider it unused and delete it.
    expect(request?.['spec']).toEqual(operatorSpec(cluster));
    // It parses the first PEM block only, and reissues when a name is missing or 45 days are left.
    const data = secret?.['data'] as Readonly<Record<string, string>>;
    const leaf = new X509Certificate(Buffer.from(data['tls.crt'] ?? '', 'base64'));
    for (const name of cluster.dnsNames) expect(leaf.subjectAltName).toContain(`DNS:${name}`);
    expect((leaf.validToDate.getTime() - Date.now()) / 86_400_000).toBeGreaterThan(46);
    expect(secret?.metadata.labels).toEqual({ certificate_request: cluster.requestName });
    expect(secret?.metadata.ownerReferences).toMatchObject([{ uid: request?.metadata.uid, controller: true }]);
    // It decodes the conditions' times as metav1.Time, which accepts RFC 3339 only.
    const status = request?.['status'] as { readonly conditions: readonly Record<string, string>[] } | undefined;
    for (const { lastProbeTime, lastTransitionTime } of status?.conditions ?? []) {
      expect(lastProbeTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      expect(lastTransitionTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    }
    expect(formatGoTime(leaf.validToDate)).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000 UTC$/);
  });

  test('is decommissioned when it is deleted: original and renewed certificate are revoked, its neighbour is unaffected', async () => {
    const { cluster, certificate } = whole;
    const { serialNumber } = await waitForCertificate(lab().kubernetes, cluster, undefined);
    await deleteCluster(lab(), cluster);
    await expectDecommissioned(lab(), cluster, { revoked: [certificate.serialNumber, serialNumber] });
    await expectAdopted(neighbour);
    await expectStatusAtCa(lab().stack, neighbour.certificate.serialNumber, 'Valid');
  });

  test('is decommissioned when it is deleted before its first renewal', async () => {
    await deleteCluster(lab(), ownerless.cluster);
    await expectDecommissioned(lab(), ownerless.cluster, { revoked: [ownerless.certificate.serialNumber] });
  });
});

function rfc3339(date: Date): string {
  return date.toISOString().replace('.000Z', 'Z');
}
