/** `certman explain` and `certman history` of real clusters: issued, renewed, not served, without a worker, deleted, unknown. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nextCommands } from '../../../local/demo/next-commands.ts';
import { installSampleClusters } from '../../../local/stack/management-cluster/sample-cluster.ts';
import { freePort } from '../../../local/stack/process/ports.ts';
import { SERVING_ENVIRONMENT, serveClusters } from '../../../local/stack/serve-clusters.ts';
import type { Explanation } from '../../../src/cli/explain/explanation.ts';
import type { CertificateHistory } from '../../../src/cli/history/read-history.ts';
import type { FleetReport } from '../../../src/cli/report/fleet-report.ts';
import type { ClusterReport } from '../../../src/cli/status/status-view.ts';
import { loadKubeConfig } from '../../../src/kubernetes/api/kube-config.ts';
import { waitFor, waitForCertificate } from '../../support/e2e/checks.ts';
import { createCluster, deleteCluster, type E2eCluster } from '../../support/e2e/clusters.ts';
import { getClusterDeployment, waitUntilCertified } from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { startFaultProxy } from '../../support/faults/fault-proxy.ts';
import { endProcesses, expectExit, runCertman, startCertman } from '../../support/process/certman-process.ts';

const lab = useE2eHarness({ worker: SERVING_ENVIRONMENT });
afterAll(endProcesses);
let cluster: E2eCluster;
let firstSerial: string;

async function certman(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  return await runCertman(args, { ...lab().commandEnvironment(), ...environment });
}

async function explained(name: string, namespace: string): Promise<Explanation> {
  const { stdout } = await expectExit(certman(['explain', name, '-n', namespace, '-o', 'json']));
  return JSON.parse(stdout) as Explanation;
}

async function historyOf(): Promise<CertificateHistory> {
  const { stdout } = await expectExit(certman(['history', cluster.name, '-n', cluster.namespace, '-o', 'json']));
  return JSON.parse(stdout) as CertificateHistory;
}

beforeAll(async () => {
  cluster = await createCluster(lab(), 'told');
  firstSerial = (await waitUntilCertified(lab(), cluster)).serialNumber;
});

test('a certificate that was issued is explained from its workflow, with the instant of its renewal', async () => {
  const explanation = await explained(cluster.name, cluster.namespace);
  expect(explanation).toMatchObject({
    kind: 'ClusterDeployment',
    source: 'temporal',
    served: 'Its certificates are managed by certman.',
  });
  const [certificate] = explanation.certificates;
  expect(certificate).toMatchObject({ state: 'Ready', next: { what: 'it is renewed' } });
  expect(Date.parse(certificate?.next.at ?? '')).toBeGreaterThan(Date.now());
  const { output } = await certman(['explain', `${cluster.namespace}/${cluster.name}`]);
  expect(output).toContain(`certman renew ${cluster.namespace}/${cluster.name}`);
});

test('the history has each certificate, why it was ordered, who asked, and which is in use', async () => {
  await expect.poll(async () => (await historyOf()).certificates.length).toBe(1);
  await expectExit(certman(['renew', cluster.name, '-n', cluster.namespace, '-o', 'json']));
  // Visibility is about a second behind.
  await expect.poll(async () => (await historyOf()).certificates.length).toBe(2);
  const [renewed, first] = (await historyOf()).certificates;
  expect(first).toMatchObject({
    serialNumber: firstSerial,
    reason: 'SecretMissing',
    by: 'certman',
    fate: 'replaced',
    replacedBy: renewed?.serialNumber,
  });
  expect(renewed).toMatchObject({ reason: 'RenewRequested', fate: 'in use' });
  expect(renewed?.by).toMatch(/^\S+@\S+$/);
  expect(Date.parse(renewed?.notBefore ?? '')).toBeLessThan(Date.parse(renewed?.notAfter ?? ''));
  const table = await certman(['history', cluster.name, '-n', cluster.namespace, '-o', 'wide']);
  expect(table.output).toContain(firstSerial);
});

test('a selection is renewed, after a preview that renews nothing', async () => {
  const all = ['renew', '--all', '-n', cluster.namespace];
  const planned = await expectExit(certman([...all, '--dry-run']));
  expect(planned.output).toMatch(new RegExp(`^${cluster.namespace}/${cluster.name}: would be renewed \\(expires in`));
  await expectExit(certman(all), 2);
  await expect.poll(async () => (await historyOf()).certificates.length).toBe(2);
  const done = await expectExit(certman([...all, '--yes']));
  expect(done.output).toContain('primary renewed, expires');
  const withdrawn = await certman([...all, '--withdraw', '--yes', '-o', 'json']);
  expect(JSON.parse(withdrawn.stdout)).toEqual({
    results: [{ cluster: `${cluster.namespace}/${cluster.name}`, outcome: 'no requested renewal is pending' }],
  });
  await expect.poll(async () => (await historyOf()).certificates.length).toBe(3);
});

test('a selection of another API server is not renewed in this Temporal', async () => {
  const other = await startFaultProxy({
    target: lab().stack.kubernetes.server,
    targetCaPem: await readFile(lab().stack.kubernetes.caFile, 'utf8'),
  });
  const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-system', uid: 'of-another-cluster' } };
  other.inject({ when: ({ path }) => path.endsWith('/kube-system'), fault: { kind: 'answer', status: 200, body } });
  const config = loadKubeConfig({ path: lab().managementCluster.kubeconfig });
  const user = config.getCurrentUser();
  if (user === null) throw new Error('no user');
  config.loadFromClusterAndUser({ name: 'other', server: other.url, skipTLSVerify: true }, user);
  const kubeconfig = join(lab().stack.stateDir, 'other.kubeconfig');
  // client-node's name for it is that of no kubeconfig at all.
  await writeFile(kubeconfig, config.exportConfig().replaceAll('loaded-context', 'other'));
  const args = ['renew', '--all', '-n', cluster.namespace, '--dry-run'];
  const refused = await certman(args, { KUBECONFIG: kubeconfig });
  await other.close();
  const { output } = await expectExit(refused, 2);
  expect(output).toContain('The API server of the kubeconfig is not the management cluster hive');
});

test('a report has the cluster and its orders', async () => {
  const { stdout } = await expectExit(certman(['report', '-n', cluster.namespace, '-o', 'json']));
  const report = JSON.parse(stdout) as FleetReport;
  const name = `${cluster.namespace}/${cluster.name}`;
  expect(report).toMatchObject({ states: { Ready: 1 }, issued: 3, unsuccessful: 0, clusters: [{ cluster: name }] });
  expect(new Set(report.orders.items.map((order) => order.cluster))).toEqual(new Set([name]));
  const elsewhere = await certman(['report', '-n', cluster.namespace, '--to', '2020-01-31', '-o', 'json']);
  expect(JSON.parse(elsewhere.stdout)).toMatchObject({ issued: 0, from: '2020-01-01T00:00:00.000Z' });
  const page = await certman(['report', '-n', cluster.namespace]);
  expect(page.output).toMatch(/^<!doctype html>[^]*<\/html>\n$/);
});

test('a campaign replaces and revokes what is selected, and reports each certificate; a drill computes only', async () => {
  const [before] = (await historyOf()).certificates;
  const selection = ['--all', '-n', cluster.namespace];
  const drill = await expectExit(certman(['drill', ...selection]));
  expect(drill.output).toContain('If 1 certificate (');
  const start = ['campaign', 'start', 'replace', ...selection, '--reason', 'keyCompromise', '--name', 'leak'];
  const planned = await expectExit(certman([...start, '--dry-run']));
  expect(planned.output).toContain(before?.serialNumber ?? 'a serial number');
  await expectExit(certman(['campaign', 'status', 'leak']), 1);
  await expectExit(certman([...start, '--yes']));
  const status = async () => JSON.parse((await certman(['campaign', 'status', 'leak', '-o', 'json'])).stdout) as object;
  await expect.poll(status).toMatchObject({ phase: 'Completed', counts: { replaced: 1 }, late: false });
  const report = JSON.parse((await certman(['campaign', 'report', 'leak', '-o', 'json'])).stdout) as object;
  const outcome = { kind: 'replaced', revocation: 'revoked' };
  expect(report).toMatchObject({ certificates: [{ serialNumber: before?.serialNumber, outcome }] });
  expect(await lab().stack.acme.statusOf(before?.serialNumber ?? '')).toMatchObject({ Status: 'Revoked', Reason: 1 });
  expect((await certman(['campaign', 'report', 'leak'])).output).toMatch(/replaced +by \d+ at .*; old one revoked/);
  await expectExit(certman(['campaign', 'pause', 'leak']), 1);
  await expect.poll(async () => (await certman(['campaign', 'list'])).output).toMatch(/^leak +Completed/m);
  // A name is used once.
  await expectExit(certman([...start, '--yes']), 2);
});

test('one certificate is revoked: an older one, and the one in use at once; a watched status follows until ^C', async () => {
  const at = [cluster.name, '-n', cluster.namespace];
  const watched = await startCertman(['status', ...at, '--watch', '-o', 'json'], lab().commandEnvironment());
  await watched.waitForOutput(/"state":"Ready"/);
  const [inUse, , older] = (await historyOf()).certificates;
  if (inUse === undefined || older === undefined) throw new Error('too few certificates');
  const revoke = ['revoke', ...at, '--reason', 'superseded'];
  const planned = await expectExit(certman([...revoke, '--dry-run']));
  expect(planned.stdout).toContain(`would replace certificate ${inUse.serialNumber}`);
  await expectExit(certman(revoke), 2);
  await expectExit(certman([...revoke, '--serial', older.serialNumber, '--yes', '-o', 'json']));
  expect(await lab().stack.acme.statusOf(older.serialNumber)).toMatchObject({ Status: 'Revoked', Reason: 4 });
  const again = await expectExit(certman([...revoke, '--serial', older.serialNumber, '--yes']), 2);
  expect(again.output).toContain('is revoked already');
  await expectExit(certman(['revoke', '--serial', inUse.serialNumber, '--reason', 'keyCompromise', '--now', '--yes']));
  expect(await lab().stack.acme.statusOf(inUse.serialNumber)).toMatchObject({ Status: 'Revoked', Reason: 1 });
  const { serialNumber } = await waitForCertificate(lab().kubernetes, cluster, inUse.serialNumber);
  await watched.waitForOutput(new RegExp(`"serialNumber":"${serialNumber}"`));
  watched.signal('SIGINT');
  await expectExit(watched.result(), 130);
  const { certificates } = await historyOf();
  const fates = new Map(certificates.map((one) => [one.serialNumber, one.fate]));
  expect([fates.get(older.serialNumber), fates.get(inUse.serialNumber)]).toEqual(['revoked', 'revoked']);
  expect(certificates.find((one) => one.serialNumber === serialNumber)).toMatchObject({
    reason: 'Revoked',
    by: expect.stringMatching(/^\S+@\S+$/) as string,
  });
});

test('what the demo suggests works as it is printed, and its cluster serves the certificate', async () => {
  const demo = await createCluster(lab(), 'demo', { installed: false });
  const served = await serveClusters(lab().stack, lab().kubernetes, [demo], lab().zone.zoneId);
  await installSampleClusters(lab().stack, [demo]);
  const { serialNumber } = await waitForCertificate(lab().kubernetes, demo, undefined);
  const condition = async () => {
    const report = await certman(['status', demo.name, '-n', demo.namespace, '-o', 'json']);
    return (JSON.parse(report.stdout) as ClusterReport).certificates[0]?.served?.status;
  };
  await expect.poll(condition).toBe('True');
  const commands = nextCommands(`${demo.namespace}/${demo.name}`);
  expect(commands).toHaveLength(5);
  const environment = {
    ...SERVING_ENVIRONMENT,
    KUBECONFIG: lab().stack.kubernetes.adminKubeconfig,
    // Of the account, which the tests reach by a proxy.
    CERTMAN_ACME_DIRECTORY_URL: `${lab().ca.url}/dir`,
  };
  for (const { command } of commands) {
    const [npx, program, ...args] = command.split(' ');
    expect([npx, program]).toEqual(['npx', 'certman']);
    await expectExit(certman(args, environment));
  }
  expect(await lab().stack.acme.statusOf(serialNumber)).toMatchObject({ Status: 'Revoked' });
  await served.stop();
});

test('a cluster that is not installed is explained by the gate that holds it', async () => {
  const waiting = await createCluster(lab(), 'waits', { installed: false });
  const { served, actions } = await explained(waiting.name, waiting.namespace);
  expect(served).toMatch(/^Not served now\. The cluster is not installed yet/);
  expect(actions[0]?.command).toBe(`kubectl get clusterdeployment ${waiting.name} -n ${waiting.namespace}`);
});

describe('a name that nothing has', () => {
  test('says what was looked for where, and where else that name is', async () => {
    const { output } = await expectExit(certman(['explain', cluster.name, '-n', 'elsewhere']), 1);
    expect(output).toContain(`no ClusterDeployment or CertificateRequest elsewhere/${cluster.name}`);
    expect(output).toContain(lab().stack.temporal.address);
    expect(output).toMatch(/ClusterDeployment and CertificateRequest at https:\/\/127\.0\.0\.1:\d+/);
    expect(output).toContain(`certman explain ${cluster.namespace}/${cluster.name}`);
  });

  test('has no history', async () => {
    const { output } = await expectExit(certman(['history', 'nothing', '-n', 'elsewhere']), 1);
    expect(output).toMatch(/no order and no workflow of elsewhere\/nothing[^]*certman explain elsewhere\/nothing/);
  });
});

test('without Temporal, the resources explain; a history fails with the setting to check', async () => {
  const away = { TEMPORAL_ADDRESS: `127.0.0.1:${await freePort()}` };
  const at = [cluster.name, '-n', cluster.namespace];
  const { output } = await expectExit(certman(['explain', ...at], away));
  expect(output).toMatch(/Temporal at 127\.0\.0\.1:\d+ does not respond: .+\. This is what the resources say/);
  expect(output).toMatch(/primary: Ready\n +where +The certificate in Secret/);
  const history = await expectExit(certman(['history', ...at], away), 1);
  expect(history.output).toContain('TEMPORAL_ADDRESS');
  const missing = await expectExit(certman(['explain', 'nothing', '-n', 'elsewhere'], away), 1);
  expect(missing.output).toMatch(/not asked: Temporal at/);
});

test('a Temporal that is slow is waited for, and says so apart from the result', async () => {
  const temporal = lab().stack.part('temporal');
  temporal.pause();
  const args = ['status', cluster.name, '-n', cluster.namespace, '-o', 'json'];
  const command = await startCertman(args, lab().commandEnvironment());
  try {
    await command.waitForOutput(/^Temporal at 127\.0\.0\.1:\d+ does not respond yet; waiting up to 20 seconds\.$/m);
  } finally {
    temporal.resume();
  }
  const { stdout } = await expectExit(command.result());
  expect(JSON.parse(stdout)).toMatchObject({ source: 'temporal', certificates: [{ state: 'Ready' }] });
});

test('another context than that of the management cluster is refused', async () => {
  const at = [cluster.name, '-n', cluster.namespace];
  await expectExit(certman(['explain', ...at, '--kubeconfig', lab().managementCluster.kubeconfig]));
  const unknown = await expectExit(certman(['renew', ...at, '--context', 'no-such']), 2);
  expect(unknown.output).toContain('no context no-such');
});

test('of a deleted cluster, the decommission is explained and the history stays', async () => {
  await deleteCluster(lab(), cluster);
  await waitFor(
    'the deletion',
    async () => (await getClusterDeployment(lab(), cluster)) === undefined || 'it is there',
  );
  const at = [cluster.name, '-n', cluster.namespace];
  await expect.poll(async () => (await certman(['explain', ...at])).output).toContain('It is gone: decommissioned at');
  expect((await explained(cluster.name, cluster.namespace)).served).toContain('Nothing was left behind.');
  const { certificates } = await historyOf();
  expect(certificates.map(({ fate }) => fate)).toEqual(Array.from({ length: 5 }, () => 'revoked'));
  const { stdout } = await certman(['report', '-n', cluster.namespace, '-o', 'json']);
  const { revocations } = JSON.parse(stdout) as FleetReport;
  expect(revocations.items.map(({ serialNumber }) => serialNumber)).toContain(firstSerial);
});

test('without a worker, the resources explain and the workers are to be looked at', async () => {
  const other = await createCluster(lab(), 'left');
  await waitUntilCertified(lab(), other);
  await lab().stopWorkers();
  const at = [other.name, '-n', other.namespace];
  const { output } = await expectExit(certman(['explain', ...at]));
  expect(output).toMatch(/No worker of this management cluster answers|Temporal does not respond/);
  expect(output).toContain('kubectl get pods -n certman-operator');
  const history = await expectExit(certman(['history', ...at]));
  expect(history.output).toContain('latest');
});
