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
import { endProcesses, startCertman } from '../../support/process/certman-process.ts';
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
  const command = await startCertman([...args, '--kubeconfig', stack.kubernetes.adminKubeconfig], { HOME: home });
  const exit = await command.waitForExit();
  return { code: Number(/^code (\d+)$/.exec(exit)?.[1]), output: command.output() };
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
    expect(await certman('pause', 'c1', '-n', namespace)).toEqual({ code: 0, output: `${namespace}/c1: paused\n` });
    expect(await paused()).toEqual(['c1']);
    expect((await certman('pause', `${namespace}/c1`)).output).toBe(`${namespace}/c1: is paused already\n`);
    expect((await certman('resume', 'c1', '-n', namespace, '--dry-run')).output).toContain('would be resumed');
    expect(await paused()).toEqual(['c1']);
    expect((await certman('resume', 'c1', '-n', namespace)).output).toBe(`${namespace}/c1: resumed\n`);
    expect(await paused()).toEqual([]);
  });

  test('that does not exist fails, and says how to find out more', async () => {
    const { code, output } = await certman('pause', 'nothing', '-n', namespace);
    expect(code).toBe(1);
    expect(output).toContain(`certman explain ${namespace}/nothing`);
  });
});

describe('a selection', () => {
  const selected = ['-l', 'team=payments'];

  test('is shown with --dry-run, refused without --yes where no person can be asked, and paused with it', async () => {
    const planned = await certman('pause', ...selected, '-n', namespace, '--dry-run', '-o', 'json');
    expect(planned.code).toBe(0);
    const { results } = JSON.parse(planned.output) as { readonly results: readonly { readonly cluster: string }[] };
    expect(results.map(({ cluster }) => cluster)).toEqual(['c1', 'c2', 'alone'].map((name) => `${namespace}/${name}`));
    const asked = await certman('pause', ...selected, '-n', namespace);
    expect(asked.code).toBe(2);
    expect(asked.output).toMatch(/This would pause 3 clusters in namespace .* Nothing was done\.\nAdd --yes/);
    expect(await paused()).toEqual([]);
    expect((await certman('pause', ...selected, '-n', namespace, '--yes')).code).toBe(0);
    expect(await paused()).toEqual(['alone', 'c1', 'c2']);
    expect((await certman('resume', '--all', '-n', namespace, '--yes')).code).toBe(0);
    expect(await paused()).toEqual([]);
  });

  test('of nothing fails', async () => {
    const { code, output } = await certman('pause', '-l', 'team=none', '-n', namespace, '--yes');
    expect(code).toBe(1);
    expect(output).toContain(
      `There is no ClusterDeployment or standalone CertificateRequest in namespace ${namespace}`,
    );
  });

  test('by a selector that is none is refused by the API server', async () => {
    const { code, output } = await certman('pause', '-l', '=', '-n', namespace, '--yes');
    expect(code).toBe(1);
    expect(output).toMatch(/refused to list clusterdeployments.*400/);
  });
});
