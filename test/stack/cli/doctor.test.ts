/** `certman doctor` of a healthy installation, then with each thing that it depends on broken in turn. */
import { msToTs } from '@temporalio/common/lib/time.js';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { freePort } from '../../../local/stack/process/ports.ts';
import type { CheckResult } from '../../../src/cli/doctor/check.ts';
import { runDoctor } from '../../../src/cli/doctor/doctor.ts';
import { SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { createCluster, type E2eCluster } from '../../support/e2e/clusters.ts';
import { waitUntilCertified } from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { endProcesses, expectExit, runCertman } from '../../support/process/certman-process.ts';
import { eventually } from '../../support/vitest/eventually.ts';
import { WAIT_TIMEOUT_MS, WAIT_TIMEOUT_SECONDS } from '../../support/vitest/timeouts.ts';

const lab = useE2eHarness();
let cluster: E2eCluster;
/** Of the workers: the CA is behind a proxy. */
let environment: Readonly<Record<string, string>>;

beforeAll(async () => {
  cluster = await createCluster(lab(), 'patient');
  await waitUntilCertified(lab(), cluster);
  environment = { ...lab().commandEnvironment(), CERTMAN_ACME_DIRECTORY_URL: `${lab().ca.url}/dir` };
});
beforeEach(() => {
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
});
afterEach(() => vi.unstubAllEnvs());
afterAll(endProcesses);

/** A check that is slow has not failed. */
const PATIENT = ['--timeout', String(WAIT_TIMEOUT_SECONDS)];

async function failedChecks(more: Readonly<Record<string, string>> = {}): Promise<readonly CheckResult[]> {
  for (const [name, value] of Object.entries(more)) vi.stubEnv(name, value);
  const request = { connection: {}, preInstall: false, cluster, timeoutMs: WAIT_TIMEOUT_MS };
  return (await runDoctor(request)).filter(({ status }) => status === 'failed');
}

const namesOf = (results: readonly CheckResult[]): readonly string[] => results.map(({ id }) => id);

test('passes for a healthy installation, as the ServiceAccount of the workers, and prints no secret', async () => {
  const args = ['doctor', cluster.name, '-n', cluster.namespace, '-o', 'json', ...PATIENT];
  const { stdout, output } = await expectExit(runCertman(args, environment));
  const { ok, checks } = JSON.parse(stdout) as { readonly ok: boolean; readonly checks: readonly CheckResult[] };
  expect(ok).toBe(true);
  const others = checks.filter(({ status }) => status !== 'passed').map(({ id }) => id.replace(/:127.*/, ''));
  // The resolver serves the test's zones only.
  expect(others).toEqual(['resolver', 'cluster-caa']);
  const account = await lab().kubernetes.get(SECRETS, { namespace: 'certman-operator', name: 'lets-encrypt-account' });
  const { 'private-key': encoded = '' } = { ...(account?.['data'] as Readonly<Record<string, string>> | undefined) };
  const key = Buffer.from(encoded, 'base64').toString();
  expect(key).toContain('PRIVATE KEY');
  for (const line of key.split('\n').filter((text) => text !== '' && !text.startsWith('---')))
    expect(output).not.toContain(line);
});

test('exits with 1 and names what failed on stderr', async () => {
  const changed = { ...environment, CERTMAN_ACME_PROFILE: 'of-another-ca' };
  const { output } = await expectExit(runCertman(['doctor', '--pre', ...PATIENT], changed), 1);
  expect(output).toContain('✗ it offers the profile of the settings');
  // The ServiceAccount may not install.
  expect(output).toMatch(/^2 checks failed: kubernetes-install-rights, ca-profile\. Once it is corrected/m);
});

test.each([
  ['another Temporal namespace', { TEMPORAL_NAMESPACE: 'nope' }, ['temporal-namespace']],
  [
    'a management cluster without workers',
    { CERTMAN_MANAGEMENT_CLUSTER: 'elsewhere' },
    ['workers-polling', 'workers-controller', 'cluster-workflow'],
  ],
  [
    'another namespace of certman',
    { CERTMAN_NAMESPACE: 'elsewhere', CERTMAN_RESTARTS_AT_ONCE: '5' },
    ['settings-configmap', 'settings-renewal-windows', 'settings-restarts', 'settings-account', 'kubernetes-rights'],
  ],
] as const)('names what is wrong with %s', async (_name, more, failed) => {
  expect(namesOf(await failedChecks(more))).toEqual(failed);
});

test('names a CA, a resolver and an API server that do not answer', async () => {
  const url = `https://127.0.0.1:${await freePort()}`;
  const away = { CERTMAN_ACME_DIRECTORY_URL: `${url}/dir`, CERTMAN_DOH_RESOLVERS: url };
  expect(namesOf(await failedChecks(away)).map((id) => id.replace(/:.*/, ''))).toEqual(['ca-directory', 'resolver']);
  expect(namesOf(await failedChecks({ KUBECONFIG: '/nonexistent' }))).toContain('kubernetes-reachable');
});

test('names a clock that differs from that of the CA', async () => {
  const date = new Date(Date.now() - 3_600_000).toUTCString();
  const isDirectory = ({ path }: { readonly path: string }) => path === '/dir';
  const fault = lab().ca.inject({ when: isDirectory, fault: { kind: 'changeHeaders', headers: { date } } });
  const failed = await failedChecks();
  fault.remove();
  expect(namesOf(failed)).toEqual(['ca-clock']);
  expect(failed[0]?.message).toMatch(/^This machine is 3\d{3} s ahead/);
});

test('names a namespace of Temporal that keeps too little and lacks search attributes', async () => {
  const { workflowService } = lab().client.connection;
  const workflowExecutionRetentionPeriod = msToTs('1d');
  await workflowService.registerNamespace({ namespace: 'bare', workflowExecutionRetentionPeriod });
  // A namespace is known to all services some seconds after it was registered.
  const failed = await eventually(
    'the checks of the new namespace',
    async () => namesOf(await failedChecks({ TEMPORAL_NAMESPACE: 'bare' })),
    (names) => names.includes('temporal-retention') && names.includes('workers-polling'),
  );
  expect(failed.slice(0, 2)).toEqual(['temporal-retention', 'temporal-search-attributes']);
});

test('names a right that certman lacks', async () => {
  const path = '/apis/rbac.authorization.k8s.io/v1/clusterroles/certman';
  const role = { group: 'rbac.authorization.k8s.io', version: 'v1', plural: 'clusterroles', kind: 'ClusterRole' };
  const { rules } = (await lab().kubernetes.getJson(path)) as { readonly rules: readonly { resources: string[] }[] };
  const put = (value: typeof rules) =>
    lab().kubernetes.patch(role, { name: 'certman' }, [{ op: 'replace', path: '/rules', value }]);
  await put(rules.filter(({ resources }) => !resources.includes('events')));
  const [failed] = await eventually('a right is missed', failedChecks, ({ length }) => length > 0);
  await put(rules);
  await eventually('no right is missed', failedChecks, ({ length }) => length === 0);
  expect(failed).toMatchObject({ id: 'kubernetes-rights' });
  expect(failed?.message).toMatch(/certman-operator:certman may not get events, create events, patch events\./);
});

test('names what is wrong with one cluster', async () => {
  const { namespace, secretName } = cluster;
  const { kubernetes } = lab();
  const pause = { metadata: { annotations: { 'hive.openshift.io/reconcile-pause': 'true' } } };
  const args = [
    'patch',
    'clusterdeployment',
    cluster.name,
    '-n',
    namespace,
    '--type=merge',
    '-p',
    JSON.stringify(pause),
  ];
  await lab().stack.kubectl(args);
  // Paused, so that nothing mends it.
  await kubernetes.delete(SECRETS, { namespace, name: 'aws' });
  const before = await failedChecks();
  expect(namesOf(before)).toEqual(['cluster-credentials']);
  expect(before[0]?.message).toContain('aws');
  await kubernetes.delete(SECRETS, { namespace, name: secretName });
  const request = { connection: {}, preInstall: false, cluster, timeoutMs: WAIT_TIMEOUT_MS };
  const after = await runDoctor(request);
  const found = Object.fromEntries(after.map(({ id, status }) => [id, status]));
  expect(found).toMatchObject({
    'cluster-served': 'warning',
    'cluster-credentials': 'failed',
    'cluster-zone': 'skipped',
    'cluster-delegation': 'skipped',
    'cluster-secret': 'warning',
  });
  const nothing = await runDoctor({ ...request, cluster: { namespace, name: 'nothing' } });
  expect(nothing.find(({ id }) => id === 'cluster-served')).toMatchObject({ status: 'failed' });
});
