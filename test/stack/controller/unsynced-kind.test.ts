/** A kind that cannot be listed: what goes on without it, what waits for it, and what shows that the fleet is not empty. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readManifests, resourceOf } from '../../../local/stack/management-cluster/manifests.ts';
import { serviceAccountKubeConfig } from '../../../local/stack/management-cluster/service-account.ts';
import { clusterWorkflowId } from '../../../src/contract/ids.ts';
import { KubernetesClient } from '../../../src/kubernetes/api/client.ts';
import {
  CERTIFICATE_REQUESTS,
  CLUSTER_DEPLOYMENTS,
  CONFIG_MAPS,
  DNS_ZONES,
} from '../../../src/kubernetes/objects/resources.ts';
import { type Cluster, createCluster, writeIssuedObjects } from '../../support/controller/clusters.ts';
import { type ControllerRun, QUIET_MS, useControllerHarness } from '../../support/controller/harness.ts';
import { setState } from '../../support/controller/recording-workflows.ts';
import { OPERATOR_NAMESPACE, requestSpec, useManagementCluster } from '../../support/kubernetes/management-cluster.ts';
import { type ProxiedApiServer, startApiServerProxy } from '../../support/kubernetes/proxied-api-server.ts';
import { eventually } from '../../support/vitest/eventually.ts';

const managementCluster = useManagementCluster();
const harness = useControllerHarness(managementCluster);

function watchOf(run: ControllerRun, { plural }: { readonly plural: string }) {
  return run.fleet()?.watches.find(({ kind }) => kind === plural);
}

async function untilSynced(run: ControllerRun, resource: { readonly plural: string }): Promise<void> {
  await eventually(
    `${resource.plural} are synced`,
    async () => watchOf(run, resource),
    (watch) => watch?.synced === true,
  );
}

/** Of a user; owner references are all that shows that a request is not. */
async function createRequest(
  namespace: string,
  name: string,
): Promise<Cluster & { readonly kind: 'CertificateRequest' }> {
  const metadata = { namespace, name };
  const made = await managementCluster().admin.create(CERTIFICATE_REQUESTS, { metadata, spec: requestSpec('c1') });
  return { kind: 'CertificateRequest', namespace, name, uid: made?.metadata.uid ?? '' };
}

function namesIn(series: Iterable<{ readonly namespace: string; readonly name: string }> | undefined, of: Cluster) {
  return series && Array.from(series).filter(({ namespace }) => namespace === of.namespace);
}

describe('a relay that refuses the lists of one kind', () => {
  let proxied: ProxiedApiServer;
  beforeEach(async () => {
    proxied = await startApiServerProxy(managementCluster().certmanConfig);
  });
  afterEach(() => proxied.close());

  const refuse = ({ plural }: { readonly plural: string }) =>
    proxied.proxy.inject({
      when: ({ method, path }) => method === 'GET' && new RegExp(`/${plural}\\?`).test(path),
      fault: {
        kind: 'answer',
        status: 500,
        body: { kind: 'Status', reason: 'InternalError', message: 'conversion webhook failed' },
      },
    });

  test('ClusterDeployments: requests and Secrets are watched, and no request is taken for a standalone one', async () => {
    const cluster = await createCluster(managementCluster());
    await writeIssuedObjects(managementCluster(), cluster);
    const { namespace } = cluster;
    // The request of a cluster of certman-operator, which sets no owner reference.
    await managementCluster().admin.patch(CERTIFICATE_REQUESTS, { namespace, name: `${cluster.name}-primary` }, [
      { op: 'remove', path: '/metadata/ownerReferences' },
    ]);
    const claimed = await managementCluster().admin.get(CERTIFICATE_REQUESTS, {
      namespace,
      name: `${cluster.name}-primary`,
    });
    const standalone = await createRequest(namespace, 'web');
    const refusal = refuse(CLUSTER_DEPLOYMENTS);
    const unwatchable = [CLUSTER_DEPLOYMENTS.plural];
    const run = await harness().startController({ kubernetes: proxied.api, unwatchable, resyncIntervalMs: 1_000 });
    await untilSynced(run, CERTIFICATE_REQUESTS);
    await expect.poll(() => run.fleet()).toMatchObject({ clusters: undefined, standalone: undefined, ari: undefined });
    await expect.poll(() => namesIn(run.fleet()?.requests, cluster)).toHaveLength(2);
    await expect
      .poll(() => watchOf(run, CLUSTER_DEPLOYMENTS))
      .toMatchObject({
        synced: false,
        syncedUntil: undefined,
        problem: expect.stringMatching(
          /^The watch of clusterdeployments\.hive\.openshift\.io is not synced: since .*conversion webhook failed/,
        ) as string,
      });
    await sleep(QUIET_MS);
    expect(await run.receivedSignals(standalone)).toBeUndefined();
    expect(await run.receivedSignals(cluster)).toBeUndefined();
    refusal.remove();
    // The resync finds that their status is not certman's.
    await run.untilReceived(standalone, ['observed'], /^observed/);
    await run.untilReceived(cluster, ['observed'], /^observed/);
    expect(
      await run.receivedSignals({ ...standalone, name: `${cluster.name}-primary`, uid: claimed?.metadata.uid ?? '' }),
    ).toBeUndefined();
    await expect.poll(() => namesIn(run.fleet()?.clusters, cluster)).toHaveLength(1);
    await expect
      .poll(() => namesIn(run.fleet()?.standalone, cluster))
      .toEqual([expect.objectContaining({ name: 'web' })]);
    await run.stop();
  });

  test('CertificateRequests: clusters are served, and what waits for credentials is signalled once they are listed', async () => {
    // Its position spares the next controller the list of Secrets, after which those that wait are signalled as well.
    const first = await harness().startController();
    const waiting = await createCluster(managementCluster());
    await first.untilReceived(waiting, ['observed']);
    await first.stop();
    const refusal = refuse(CERTIFICATE_REQUESTS);
    const run = await harness().startController({
      kubernetes: proxied.api,
      managementCluster: first.managementCluster,
      unwatchable: [CERTIFICATE_REQUESTS.plural],
    });
    const created = await createCluster(managementCluster());
    await run.untilReceived(created, ['observed']);
    await expect.poll(() => namesIn(run.fleet()?.clusters, created)).toHaveLength(1);
    await expect.poll(() => run.fleet()).toMatchObject({ requests: undefined, standalone: undefined, ari: undefined });
    const workflowId = clusterWorkflowId({ managementCluster: run.managementCluster, ...waiting });
    const { workflow } = harness().env.client;
    await workflow.getHandle(workflowId).signal(setState, 'Waiting', 'DnsCredentialsMissing');
    await eventually(
      'it can be found by its reason',
      () => workflow.count(`WorkflowId = "${workflowId}" AND CertReason = "DnsCredentialsMissing"`),
      ({ count }) => count === 1,
    );
    const changesOf = async () =>
      ((await run.receivedSignals(waiting)) ?? []).filter((signal) => /may have changed/.test(signal)).length;
    // One more if the first controller had no position of the Secrets yet.
    const before = await changesOf();
    refusal.remove();
    await untilSynced(run, CERTIFICATE_REQUESTS);
    await eventually('it is signalled again', changesOf, (count) => count > before);
    await run.stop();
  });

  test('a kind that was listed before keeps what is known of it, and says since when it is stale', async () => {
    const cluster = await createCluster(managementCluster());
    await writeIssuedObjects(managementCluster(), cluster);
    const run = await harness().startController({ kubernetes: proxied.api });
    await untilSynced(run, CERTIFICATE_REQUESTS);
    const refusal = refuse(CERTIFICATE_REQUESTS);
    proxied.proxy.down();
    proxied.proxy.up();
    const stale = await eventually(
      'the watch is not synced',
      async () => watchOf(run, CERTIFICATE_REQUESTS),
      (watch) => watch?.synced === false,
    );
    await sleep(QUIET_MS);
    expect(watchOf(run, CERTIFICATE_REQUESTS)?.syncedUntil).toBe(stale?.syncedUntil);
    expect(namesIn(run.fleet()?.requests, cluster)).toHaveLength(1);
    refusal.remove();
    await untilSynced(run, CERTIFICATE_REQUESTS);
    await run.stop();
  });
});

test('without the right to list DNSZones all else is served, and the missing right is named', async () => {
  const { admin, adminConfig } = managementCluster();
  const name = `certman-${crypto.randomUUID().slice(0, 8)}`;
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace: OPERATOR_NAMESPACE, name } };
  await admin.apply(resourceOf(account), account);
  for (const manifest of await readManifests('base/rbac.yaml')) {
    const object = JSON.parse(JSON.stringify(manifest).replaceAll('"name":"certman"', `"name":"${name}"`)) as {
      rules?: { resources: string[] }[];
    } & typeof manifest;
    const rules = object.rules?.filter(({ resources }) => !resources.includes(DNS_ZONES.plural));
    await admin.apply(resourceOf(object), rules === undefined ? object : { ...object, rules });
  }
  const kubernetes = new KubernetesClient(await serviceAccountKubeConfig(adminConfig, account.metadata));
  const cluster = await createCluster(managementCluster());
  await writeIssuedObjects(managementCluster(), cluster);
  const run = await harness().startController({ kubernetes, unwatchable: [DNS_ZONES.plural] });
  await run.untilReceived(cluster, ['observed']);
  for (const resource of [CLUSTER_DEPLOYMENTS, CERTIFICATE_REQUESTS, CONFIG_MAPS]) await untilSynced(run, resource);
  await expect
    .poll(() => watchOf(run, DNS_ZONES))
    .toMatchObject({
      synced: false,
      problem: expect.stringMatching(/cannot list resource "dnszones".*deploy\/base\/rbac\.yaml/s) as string,
    });
  await run.stop();
  await kubernetes.close();
});
