/** Moves between management clusters, in the order in which Hive's ClusterRelocate controller changes both sides. */
import { expect, test } from 'vitest';
import { type SampleCluster, sampleCluster } from '../../../local/stack/management-cluster/sample-cluster.ts';
import {
  CERTIFICATE_REQUESTS,
  CLUSTER_DEPLOYMENTS,
  FINALIZER,
  SECRETS,
} from '../../../src/kubernetes/objects/resources.ts';
import { expectStatusAtCa, waitFor, waitForObjectRemoval, waitForReadyRequest } from '../../support/e2e/checks.ts';
import { applyClusterObjects, validClusterObjects, withMetadata } from '../../support/e2e/cluster-objects.ts';
import { createCluster, deleteCluster, type E2eCluster, patchCluster } from '../../support/e2e/clusters.ts';
import {
  caLog,
  decommissionResultOf,
  expectDecommissioned,
  getClusterDeployment,
  getRequest,
  getSecret,
  statusOf,
  waitUntilCertified,
  waitUntilProbed,
} from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { scrape } from '../../support/e2e/prometheus.ts';

const lab = useE2eHarness({ worker: { CERTMAN_RESYNC_INTERVAL: '5s' } });

const relocate = (value: string | null) => ({ metadata: { annotations: { 'hive.openshift.io/relocate': value } } });

async function waitForState(cluster: E2eCluster, expected: string): Promise<void> {
  await waitFor(`${cluster.name} is ${expected}`, async () => {
    const { state } = (await statusOf(lab(), cluster)).bundles['primary'] ?? {};
    return state === expected ? {} : `it is ${state}`;
  });
}

/** Waits until the controller has seen as many clusters behind a gate. */
async function waitForGate(gate: string, count: number): Promise<void> {
  await waitFor(`${count} clusters have the gate ${gate}`, async () => {
    const worker = lab().workers().at(-1);
    const found = (await scrape(worker?.metricsUrl ?? '')).value('certman_clusters', { gate }) ?? 0;
    return found === count ? {} : `there are ${found}`;
  });
}

/** Copies the source's objects into another namespace, as they arrive at the destination. */
async function copyToDestination(source: E2eCluster): Promise<SampleCluster> {
  const destination = { ...sampleCluster(source.name, source.zone), namespace: `${source.namespace}-destination` };
  const secret = await getSecret(lab(), source);
  const copy = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      namespace: destination.namespace,
      name: destination.secretName,
      labels: secret?.metadata.labels,
    },
    type: 'kubernetes.io/tls',
    data: secret?.['data'],
  };
  const objects = withMetadata(validClusterObjects(destination, lab().zone.zoneId), {
    annotations: { 'hive.openshift.io/relocate': 'a-relocation/incoming' },
    // Hive copies finalizers, but no owner references.
    finalizers: [FINALIZER],
  });
  await applyClusterObjects(lab(), { ...objects, others: [[SECRETS, copy]] });
  return destination;
}

test('a finished move keeps the certificate valid: the source releases it, and the destination adopts it', async () => {
  const source = await createCluster(lab(), 'moving');
  const { serialNumber, certificate } = await waitUntilCertified(lab(), source);
  await patchCluster(lab(), source, relocate('a-relocation/outgoing'));
  await waitForState(source, 'Paused');
  const { orders } = await caLog(lab());

  const destination = await copyToDestination(source);
  await waitForGate('RelocatingIn', 1);
  const { namespace, name, requestName } = destination;
  expect(await lab().kubernetes.get(CERTIFICATE_REQUESTS, { namespace, name: requestName })).toBeUndefined();
  await patchCluster(lab(), destination, relocate(null));
  await waitForReadyRequest(lab().kubernetes, destination, serialNumber);

  await patchCluster(lab(), source, relocate('a-relocation/complete'));
  await waitForGate('Relocated', 1);
  await deleteCluster(lab(), source);
  await waitForObjectRemoval(lab().kubernetes, source);
  const result = await decommissionResultOf(lab(), source);
  expect(result).toMatchObject({ finalizer: 'released', bundles: [{ revocations: [], failures: [] }] });
  await expectStatusAtCa(lab().stack, serialNumber, 'Valid');
  expect(certificate.validToDate.getTime()).toBeGreaterThan(Date.now());

  await waitForReadyRequest(lab().kubernetes, destination, serialNumber);
  expect((await caLog(lab())).orders).toBe(orders);
  const deployment = await lab().kubernetes.get(CLUSTER_DEPLOYMENTS, { namespace, name });
  expect(deployment?.metadata.finalizers?.join(' ')).toContain('certificaterequests');
});

test('a deletion during a move waits until Hive has cleared the annotation, also over a new worker', async () => {
  const cluster = await createCluster(lab(), 'aborted');
  const { serialNumber } = await waitUntilCertified(lab(), cluster);
  await waitUntilProbed(lab(), cluster);
  await patchCluster(lab(), cluster, relocate('a-relocation/outgoing'));
  await waitForState(cluster, 'Paused');
  const [request, secret] = [await getRequest(lab(), cluster), await getSecret(lab(), cluster)];
  await deleteCluster(lab(), cluster);
  await waitFor('the workflow has seen the deletion', async () =>
    (await statusOf(lab(), cluster)).cluster.deleting ? {} : 'not yet',
  );
  await lab().stopWorkers();
  await lab().startWorker({ environment: { CERTMAN_RESYNC_INTERVAL: '2s' } });
  await waitForGate('RelocatingOut', 1);
  const { decommissioning, bundles } = await statusOf(lab(), cluster);
  expect({ decommissioning, state: bundles['primary']?.state }).toEqual({ decommissioning: false, state: 'Paused' });
  await expectStatusAtCa(lab().stack, serialNumber, 'Valid');
  expect((await getClusterDeployment(lab(), cluster))?.metadata.deletionTimestamp).toBeDefined();
  expect((await getRequest(lab(), cluster))?.metadata.resourceVersion).toBe(request?.metadata.resourceVersion);
  expect((await getSecret(lab(), cluster))?.metadata.resourceVersion).toBe(secret?.metadata.resourceVersion);

  await patchCluster(lab(), cluster, relocate(null));
  await expectDecommissioned(lab(), cluster, { revoked: [serialNumber] });
});
