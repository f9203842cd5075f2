/** The doctor where nothing answers, and the page that explains its checks. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { freePort } from '../../../../local/stack/process/ports.ts';
import type { CheckResult } from '../../../../src/cli/doctor/check.ts';
import { type DoctorRequest, runDoctor } from '../../../../src/cli/doctor/doctor.ts';
import { WAIT_TIMEOUT_MS } from '../../../support/vitest/timeouts.ts';

const folder = mkdtempSync(join(tmpdir(), 'certman-doctor-'));
const kubeconfig = join(folder, 'kubeconfig');
const TOKEN = 'a-token-of-the-kubeconfig';

beforeEach(async () => {
  const port = await freePort();
  const server = `https://127.0.0.1:${port}`;
  const context = { cluster: 'c', user: 'u' };
  const config = {
    'current-context': 'one',
    clusters: [{ name: 'c', cluster: { server } }],
    users: [{ name: 'u', user: { token: TOKEN } }],
    contexts: [{ name: 'one', context }],
  };
  writeFileSync(kubeconfig, JSON.stringify(config));
  vi.stubEnv('KUBECONFIG', kubeconfig);
  vi.stubEnv('TEMPORAL_ADDRESS', `127.0.0.1:${port}`);
  vi.stubEnv('CERTMAN_ACME_DIRECTORY_URL', `${server}/directory`);
  vi.stubEnv('CERTMAN_DOH_RESOLVERS', `${server}/dns-query`);
  vi.stubEnv('CERTMAN_FALLBACK_ACCOUNTS', `second=${server}/second`);
  vi.stubEnv('CERTMAN_STAGING_ACCOUNT', `proof=${server}/proof`);
});
afterEach(() => vi.unstubAllEnvs());
afterAll(() => rmSync(folder, { recursive: true }));

const CLUSTER = { namespace: 'ns', name: 'demo' };
const run = (more: Partial<DoctorRequest> = {}, onResult?: (result: CheckResult) => void) =>
  runDoctor({ connection: {}, preInstall: false, cluster: undefined, timeoutMs: WAIT_TIMEOUT_MS, ...more }, onResult);

const baseId = ({ id }: CheckResult): string => id.replace(/:127.*/, '');
const statusesOf = (results: readonly CheckResult[]) =>
  Object.fromEntries(results.map((result) => [baseId(result), result.status]));

it('where nothing answers, says so, and skips what needs it; docs/doctor.md explains each check', async () => {
  const seen: string[] = [];
  const [all, before] = await Promise.all([
    run({ cluster: CLUSTER }, ({ id }) => seen.push(id)),
    run({ preInstall: true }),
  ]);
  const failed = all.filter(({ status }) => status === 'failed');
  expect(failed.map(baseId)).toEqual([
    'temporal-reachable',
    'kubernetes-reachable',
    'ca-directory',
    'ca-directory:second',
    'ca-directory:proof',
    'resolver',
  ]);
  expect(failed.every(({ remedy }) => remedy !== undefined)).toBe(true);
  expect(new Set(all.map(({ status }) => status))).toEqual(new Set(['passed', 'failed', 'skipped']));
  const ofStaging = all.filter(({ id }) => id.endsWith(':proof')).map(({ id }) => id.replace(/:.*/, ''));
  expect(ofStaging, 'nothing of a staging CA is renewed').toEqual([
    'settings-account',
    'ca-directory',
    'ca-clock',
    'ca-terms',
    'ca-profile',
    'ca-account',
  ]);
  expect(JSON.stringify(all)).not.toContain(TOKEN);
  expect(seen, 'in the order of the checks').toEqual(all.map(({ id }) => id));

  const statuses = statusesOf(before);
  expect(statuses).toMatchObject({ settings: 'passed', 'kubernetes-install-rights': 'skipped' });
  expect(Object.keys(statuses).filter((id) => /^(workers|cluster|settings-|ca-account)/.test(id))).toEqual([]);

  const page = readFileSync(new URL('../../../../docs/doctor.md', import.meta.url), 'utf8');
  const headings = [...page.matchAll(/^### ([a-z-]+)$/gm)].map(([, heading = '']) => heading);
  const ids = new Set([...all, ...before].map(({ id }) => id.replace(/:.*/, '')));
  expect([...ids].sort()).toEqual(headings.toSorted());
});

it('of an access that is refused, names the user of the kubeconfig, and not the ServiceAccount of the workers', async () => {
  const server = createServer((request, response) => {
    const isVersion = request.url === '/version';
    response.writeHead(isVersion ? 200 : 403, { 'content-type': 'application/json' });
    const message = 'it is forbidden: User "alice@example.com" cannot do that';
    const version = { gitVersion: 'v1.37.2', major: '1', minor: '37' };
    response.end(JSON.stringify(isVersion ? version : { kind: 'Status', message, reason: 'Forbidden' }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const config = JSON.parse(readFileSync(kubeconfig, 'utf8')) as object;
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      ...config,
      clusters: [{ name: 'c', cluster: { server: url, 'insecure-skip-tls-verify': true } }],
    }),
  );
  const results = await run();
  const refused = results.filter(({ status, message }) => status === 'failed' && message.includes('alice'));
  expect(refused.map(({ id }) => id)).toEqual(
    expect.arrayContaining(['settings-account', 'settings-configmap', 'kubernetes-rights']),
  );
  for (const { remedy } of refused) {
    expect(remedy).toMatch(/^alice@example\.com was refused, by the credentials of the context one/);
    expect(remedy).not.toContain('ServiceAccount');
  }
});

it('wrong settings are a failure of their own, beside Temporal and the API server', async () => {
  vi.stubEnv('CERTMAN_KEY_TYPE', 'md5');
  expect(statusesOf(await run())).toMatchObject({
    settings: 'failed',
    'temporal-reachable': 'failed',
    'kubernetes-reachable': 'failed',
  });
});
