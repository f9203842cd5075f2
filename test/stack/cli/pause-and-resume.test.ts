/** `certman pause` and `certman resume` on a real API server. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS } from '../../../src/kubernetes/objects/resources.ts';
import {
  createClusterDeployment,
  createRequest,
  useManagementCluster,
} from '../../support/kubernetes/management-cluster.ts';
import { endProcesses, expectExit, runCertman } from '../../support/process/certman-process.ts';
import { useStack } from '../../support/vitest/use-stack.ts';

const ANNOTATION = 'hive.openshift.io/reconcile-pause';
const home = mkdtempSync(join(tmpdir(), 'certman-pause-'));
const managementCluster = useManagementCluster();
let namespace: string;
beforeAll(async () => {
  namespace = await managementCluster().namespace();
  const { admin } = managementCluster();
  for (const name of ['c1', 'c2', 'other']) await createClusterDeployment(admin, namespace, name);
  await createRequest(admin, namespace, 'alone');
  for (const [resource, name] of [
    [CLUSTER_DEPLOYMENTS, 'c1'],
    [CLUSTER_DEPLOYMENTS, 'c2'],
    [CERTIFICATE_REQUESTS, 'alone'],
  ] as const) {
    const labels = { 'api.openshift.com/managed': 'true', team: 'payments' };
    await admin.patch(resource, { namespace, name }, [{ op: 'add', path: '/metadata/labels', value: labels }]);
  }
});
afterAll(async () => {
  await endProcesses();
  rmSync(home, { recursive: true });
});

async function certman(...args: readonly string[]) {
  const stack = useStack();
  return await runCertman([...args, '--kubeconfig', stack.kubernetes.adminKubeconfig], { HOME: home });
}

async function paused(): Promise<readonly string[]> {
  const { admin } = managementCluster();
  const found: string[] = [];
  for (const resource of [CLUSTER_DEPLOYMENTS, CERTIFICATE_REQUESTS])
    for await (const { metadata } of admin.list(resource, { namespace }))
      if (metadata.annotations?.[ANNOTATION] === 'true') found.push(metadata.name);
  return found.sort();
}

describe('a cluster by its name', () => {
  test('is paused and resumed, each once', async () => {
    const { output } = await expectExit(certman('pause', 'c1', '-n', namespace));
    expect(output).toBe(`${namespace}/c1: paused\n`);
    expect(await paused()).toEqual(['c1']);
    expect((await certman('pause', `${namespace}/c1`)).output).toBe(`${namespace}/c1: is paused already\n`);
    expect((await certman('resume', 'c1', '-n', namespace, '--dry-run')).output).toContain('would be resumed');
    expect(await paused()).toEqual(['c1']);
    expect((await certman('resume', 'c1', '-n', namespace)).output).toBe(`${namespace}/c1: resumed\n`);
    expect(await paused()).toEqual([]);
  });

  test('that does not exist fails, and says how to find out more', async () => {
    const { output } = await expectExit(certman('pause', 'nothing', '-n', namespace), 1);
    expect(output).toContain(`certman explain ${namespace}/nothing`);
  });
});

describe('a selection', () => {
  const selected = ['-l', 'team=payments'];

  test('is shown with --dry-run, refused without --yes where no person can be asked, and paused with it', async () => {
    const planned = await expectExit(certman('pause', ...selected, '-n', namespace, '--dry-run', '-o', 'json'));
    const { results } = JSON.parse(planned.stdout) as { readonly results: readonly { readonly cluster: string }[] };
    expect(results.map(({ cluster }) => cluster)).toEqual(['c1', 'c2', 'alone'].map((name) => `${namespace}/${name}`));
    const asked = await expectExit(certman('pause', ...selected, '-n', namespace), 2);
    expect(asked.output).toMatch(/This would pause 3 clusters in namespace .* Nothing was done\.\nAdd --yes/);
    expect(await paused()).toEqual([]);
    await expectExit(certman('pause', ...selected, '-n', namespace, '--yes'));
    expect(await paused()).toEqual(['alone', 'c1', 'c2']);
    await expectExit(certman('resume', '--all', '-n', namespace, '--yes'));
    expect(await paused()).toEqual([]);
  });

  test('of nothing fails', async () => {
    const { output } = await expectExit(certman('pause', '-l', 'team=none', '-n', namespace, '--yes'), 1);
    expect(output).toContain(
      `There is no ClusterDeployment or standalone CertificateRequest in namespace ${namespace}`,
    );
  });

  test('by a selector that is none is refused by the API server', async () => {
    const { output } = await expectExit(certman('pause', '-l', '=', '-n', namespace, '--yes'), 2);
    expect(output).toMatch(/expected labels such as.*refused to list clusterdeployments.*400/);
  });
});
