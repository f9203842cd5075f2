import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sendRequest } from '../../../local/stack/http.ts';
import {
  type ManagementCluster,
  prepareManagementCluster,
} from '../../../local/stack/management-cluster/management-cluster.ts';
import { createSampleClusters, prepareSampleClusters } from '../../../local/stack/management-cluster/sample-cluster.ts';
import { type RunningStack, startStack } from '../../../local/stack/stack.ts';
import { startWorker } from '../../../local/stack/worker-process.ts';
import { KubernetesClient } from '../../../src/kubernetes/api/client.ts';
import { loadKubeConfig } from '../../../src/kubernetes/api/kube-config.ts';
import { CERTIFICATE_REQUESTS, CONFIG_MAPS } from '../../../src/kubernetes/objects/resources.ts';
import { waitForExit } from '../../support/process/wait-for-exit.ts';
import { eventually } from '../../support/vitest/eventually.ts';

let stateDir: string;
let stack: RunningStack;
let managementCluster: ManagementCluster;

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'certman-management-cluster-'));
  stack = await startStack({ stateDir });
  managementCluster = await prepareManagementCluster(stack);
});
afterAll(async () => {
  await stack?.stop();
  await rm(stateDir, { recursive: true, force: true });
});

/** `yes` or `no`, of certman's ServiceAccount. */
async function can(...what: readonly string[]): Promise<string> {
  const as = '--as=system:serviceaccount:certman-operator:certman';
  // kubectl fails where the answer is no.
  return await stack.kubectl(['auth', 'can-i', ...what, as]).then(
    (answer) => answer.trim(),
    () => 'no',
  );
}

describe('a prepared management cluster', () => {
  test('gives certman the rights of its ServiceAccount and no others', async () => {
    expect(await can('list', 'clusterdeployments.hive.openshift.io', '-A')).toBe('yes');
    expect(await can('create', 'namespaces')).toBe('no');
    const client = new KubernetesClient(loadKubeConfig({ path: managementCluster.kubeconfig }));
    try {
      const key = { namespace: 'certman-operator', name: 'certman-operator' };
      expect(await client.get(CONFIG_MAPS, key)).toMatchObject({
        data: { default_notification_email_address: expect.any(String) },
      });
      await expect(client.get(CONFIG_MAPS, { ...key, name: 'kube-root-ca.crt' })).rejects.toMatchObject({
        code: 'kubernetes/forbidden',
      });
    } finally {
      await client.close();
    }
  });

  test('can be prepared again, with a new account at the CA', async () => {
    const again = await prepareManagementCluster(stack);
    expect(again.accountUrl).not.toBe(managementCluster.accountUrl);
    managementCluster = again;
  });

  test('keeps existing CRDs of Hive', async () => {
    const crd = 'customresourcedefinition/dnszones.hive.openshift.io';
    await stack.kubectl(['annotate', crd, 'owner=hive-itself']);
    const version = ['get', crd, '-o', 'jsonpath={.metadata.resourceVersion}'];
    const before = await stack.kubectl(version);
    managementCluster = await prepareManagementCluster(stack);
    expect(await stack.kubectl(version)).toBe(before);
  });
});

describe('a worker process', () => {
  test('issues for sample clusters, and exits on SIGTERM without leaving a process', async () => {
    const { zoneId } = await stack.createZone('cluster-test.example.com');
    const worker = await startWorker({ stack, managementCluster, environment: { CERTMAN_KEY_TYPE: 'p-256' } });
    expect((await sendRequest(worker.metricsUrl)).body).toContain('certman');
    expect((await sendRequest(worker.sdkMetricsUrl)).status).toBe(200);
    const [cluster] = await createSampleClusters(stack, { count: 1, zone: 'cluster-test.example.com', zoneId });
    const admin = new KubernetesClient(loadKubeConfig({ path: stack.kubernetes.adminKubeconfig }));
    try {
      const key = { namespace: cluster?.namespace ?? '', name: cluster?.requestName ?? '' };
      const seen = await eventually(
        'the certificate',
        async () => (await admin.get(CERTIFICATE_REQUESTS, key))?.['status'] as { serialNumber?: string } | undefined,
        (status) => status?.serialNumber !== undefined,
      );
      expect(await stack.acme.statusOf(seen?.serialNumber ?? '')).toMatchObject({ Status: 'Valid' });
    } finally {
      await admin.close();
    }
    await worker.stop();
    expect(worker.ended()).toBe('code 0');
    expect(await waitForExit([worker.pid])).toEqual([]);
  });

  test('ends at once when it is killed', async () => {
    const worker = await startWorker({ stack, managementCluster, name: 'killed' });
    await worker.kill();
    expect(worker.ended()).toBe('signal SIGKILL');
    expect(await waitForExit([worker.pid])).toEqual([]);
  });

  test('that does not start is reported with the last lines of its log', async () => {
    const starting = startWorker({
      stack,
      managementCluster,
      name: 'broken',
      environment: { CERTMAN_KEY_TYPE: 'rsa-512' },
    });
    await expect(starting).rejects.toThrow(
      new RegExp(
        `The worker ended with code \\d+ instead of becoming ready. Log: ${stateDir}/logs/broken.log[^]*CERTMAN_KEY_TYPE`,
      ),
    );
  });
});

test('prepared sample clusters are not installed', async () => {
  const [cluster] = await prepareSampleClusters(stack, { count: 1, zone: 'cluster-test.example.com', prefix: 'later' });
  const installed = await stack.kubectl([
    'get',
    'clusterdeployment',
    'later',
    '-n',
    cluster?.namespace ?? '',
    '-o',
    'jsonpath={.spec.installed}',
  ]);
  expect(installed).toBe('false');
});
