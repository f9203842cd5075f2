/** `certman ca check` against two real CAs, an API server and public DNS. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { queryDns } from '../../../local/stack/dns-query.ts';
import type { CaCheck } from '../../../src/cli/ca/format-check.ts';
import { SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { type Pebble, startPebble } from '../../support/acme/pebble.ts';
import { type ServedZone, serveZone } from '../../support/dns/dns-servers.ts';
import { createClusterDeployment, useManagementCluster } from '../../support/kubernetes/management-cluster.ts';
import { endProcesses, expectExit, runCertman } from '../../support/process/certman-process.ts';
import { eventually } from '../../support/vitest/eventually.ts';

/** By the directories of both. */
const IDENTITY = 'pebble.letsencrypt.org';
const SECOND = 'second-account';

const folder = mkdtempSync(join(tmpdir(), 'certman-ca-check-'));
const kubeconfig = join(folder, 'kubeconfig');
const caBundle = join(folder, 'ca.pem');
const dohCa = join(folder, 'doh.pem');
const managementCluster = useManagementCluster();

let zone: ServedZone;
let [first, second]: Partial<readonly [Pebble, Pebble]> = [];
let namespace: string;

beforeAll(async () => {
  [zone, first, second, namespace] = await Promise.all([
    serveZone('example.com'),
    startPebble(),
    startPebble(),
    managementCluster().namespace(),
  ]);
  writeFileSync(kubeconfig, managementCluster().adminConfig.exportConfig());
  writeFileSync(caBundle, `${first.caPem}\n${second.caPem}`);
  writeFileSync(dohCa, zone.caPem);
  for (const [{ directoryUrl }, secret] of [
    [first, 'lets-encrypt-account'],
    [second, SECOND],
  ] as const) {
    const args = ['account', 'create', '--directory', directoryUrl, '--agree-tos', '--secret', secret, '--apply'];
    await expectExit(certman(args));
  }
  await put('example.com', `0 issue "${IDENTITY}"`);
});
afterAll(async () => {
  await endProcesses();
  await Promise.all([zone?.stop(), first?.stop(), second?.stop()]);
  rmSync(folder, { recursive: true });
});

async function put(name: string, ...records: readonly string[]): Promise<void> {
  await zone.moto.putRecord(zone.zoneId, name, 'CAA', ...records);
  const seen = async () => (await queryDns(zone.dns, name, 'CAA')).answers?.length ?? 0;
  await eventually(`CAA of ${name} by DNS`, seen, (count) => count === records.length);
}

async function certman(args: readonly string[], more: Readonly<Record<string, string>> = {}) {
  return await runCertman(args, {
    HOME: '/nonexistent',
    KUBECONFIG: kubeconfig,
    CERTMAN_NAMESPACE: namespace,
    CERTMAN_ACME_DIRECTORY_URL: first?.directoryUrl ?? '',
    CERTMAN_FALLBACK_ACCOUNTS: `${SECOND}=${second?.directoryUrl}`,
    CERTMAN_ACME_CA_BUNDLE: caBundle,
    CERTMAN_DOH_RESOLVERS: zone.dohUrl,
    CERTMAN_DOH_CA_BUNDLE: dohCa,
    ...more,
  });
}

const check = (...args: readonly string[]) => certman(['ca', 'check', '--namespace', namespace, ...args]);

async function checkJson(code: number, ...args: readonly string[]): Promise<CaCheck> {
  const { stdout } = await expectExit(check('-o', 'json', ...args), code);
  return JSON.parse(stdout) as CaCheck;
}

async function accountUrl(name: string): Promise<string> {
  const secret = await managementCluster().admin.get(SECRETS, { namespace, name });
  const data = secret?.['data'] as Readonly<Record<string, string>>;
  return Buffer.from(data['account-url'] ?? '', 'base64').toString();
}

const hostOf = (pebble: Pebble | undefined): string => new URL(pebble?.directoryUrl ?? '').host;

it('passes where both CAs can be used and may issue for each cluster', async () => {
  await createClusterDeployment(managementCluster().admin, namespace, 'free');
  const { cas, clusters } = await checkJson(0);
  expect(cas).toMatchObject([
    { ca: hostOf(first), secret: 'lets-encrypt-account', accountStatus: 'valid', ari: true, caaIdentities: [IDENTITY] },
    { ca: hostOf(second), secret: SECOND, account: await accountUrl(SECOND), accountStatus: 'valid' },
  ]);
  expect(clusters).toEqual({ checked: 1, refused: [], undecided: [] });
});

it('checks the staging CA as those that certificates are ordered from', async () => {
  const staging = { CERTMAN_FALLBACK_ACCOUNTS: '', CERTMAN_STAGING_ACCOUNT: `${SECOND}=${second?.directoryUrl}` };
  const { output } = await expectExit(certman(['ca', 'check', '-n', namespace], staging));
  expect(output).toMatch(new RegExp(`^staging +${hostOf(second)} +${SECOND} +usable +valid +yes`, 'm'));
  expect(output).toContain('1 cluster checked: every CA may issue for each.');
});

it('names the clusters that a CA may not issue for, with the record', async () => {
  const { admin } = managementCluster();
  const own = await accountUrl('lets-encrypt-account');
  await put('bound.example.com', `0 issue "${IDENTITY}; accounturi=${own}"`);
  await put('methods.example.com', `0 issue "${IDENTITY}; validationmethods=http-01"`);
  await put('wild.example.com', `0 issue "${IDENTITY}"`, '0 issuewild ";"');
  for (const name of ['bound', 'methods', 'wild']) await createClusterDeployment(admin, namespace, name);
  const { clusters } = await checkJson(1);
  expect(clusters.checked).toBe(4);
  const refused = clusters.refused.map(({ cluster, ca, message }) => [cluster.split('/')[1], ca, message]);
  const bound = expect.stringMatching(/CAA records of bound\.example\.com forbid .*accounturi/) as string;
  const methods = expect.stringMatching(/of methods\.example\.com forbid .*without dns-01/) as string;
  const wild = expect.stringMatching(/of wild\.example\.com .* issue for \*\.apps\.wild.*issuewild ";"/) as string;
  expect(refused).toEqual([
    ['bound', hostOf(second), bound],
    ['methods', hostOf(first), methods],
    ['methods', hostOf(second), methods],
    ['wild', hostOf(first), wild],
    ['wild', hostOf(second), wild],
  ]);
  const text = await expectExit(check(), 1);
  expect(text.output).toContain('4 clusters checked: 3 clusters not with every CA.');
  expect(text.output).toMatch(new RegExp(`^${namespace}/bound +${hostOf(second)} +CAA records of bound`, 'm'));
});

it('checks the clusters with the given labels only', async () => {
  const { clusters } = await checkJson(0, '--selector', 'region=nowhere');
  expect(clusters.checked).toBe(0);
});

it('says why a CA cannot be used', async () => {
  const of = {
    CERTMAN_FALLBACK_ACCOUNTS: `no-account=${second?.directoryUrl}`,
    CERTMAN_STAGING_ACCOUNT: 'no-staging=https://staging.example/dir',
  };
  const missing = await expectExit(certman(['ca', 'check', '-n', namespace, '-l', 'region=nowhere'], of), 1);
  expect(missing.output.match(/NOT USABLE/g)).toHaveLength(2);
  for (const name of ['no-account', 'no-staging'])
    expect(missing.output).toContain(`Secret ${namespace}/${name} with the ACME account does not exist`);
  const otherProfile = { CERTMAN_ACME_PROFILE: 'of-another-ca' };
  const profile = await expectExit(certman(['ca', 'check', '-n', namespace, '-l', 'region=nowhere'], otherProfile), 1);
  expect(profile.output).toContain('It does not offer the profile of-another-ca of CERTMAN_ACME_PROFILE, but ');
});
