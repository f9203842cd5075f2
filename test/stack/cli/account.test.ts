/** `certman account` against a real CA and API server. */
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { registerAccount } from '../../../src/acme/register-account.ts';
import { AcmeTransport } from '../../../src/acme/transport.ts';
import { ACCOUNT_SECRET } from '../../../src/kubernetes/objects/operator-settings.ts';
import { CONFIG_MAPS, SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { type Pebble, startPebble } from '../../support/acme/pebble.ts';
import { type FaultProxy, startFaultProxy } from '../../support/faults/fault-proxy.ts';
import { PEBBLE_CONNECTIONS } from '../../support/faults/upstream.ts';
import { useManagementCluster } from '../../support/kubernetes/management-cluster.ts';
import { type CommandResult, endProcesses, expectExit, runCertman } from '../../support/process/certman-process.ts';

const EAB_KEY = createHmac('sha256', 'a key that the CA gave').digest('base64url');
const folder = mkdtempSync(join(tmpdir(), 'certman-account-'));
const caBundle = join(folder, 'ca.pem');
const kubeconfig = join(folder, 'kubeconfig');
const managementCluster = useManagementCluster();

let pebble: Pebble;
let proxy: FaultProxy;
/** Opens accounts for its customers only. */
let customersOnly: Pebble;
let namespace: string;
beforeAll(async () => {
  // Requests are counted and cut off; client.test.ts tests refused nonces.
  pebble = await startPebble({ nonceReject: 0 });
  proxy = await startFaultProxy({
    target: pebble.url,
    targetCaPem: pebble.caPem,
    tls: pebble.tls,
    ...PEBBLE_CONNECTIONS,
  });
  customersOnly = await startPebble({ externalAccounts: { 'customer-1': EAB_KEY } });
  // Each Pebble has a CA of its own.
  writeFileSync(caBundle, `${pebble.caPem}\n${customersOnly.caPem}`);
  writeFileSync(kubeconfig, managementCluster().adminConfig.exportConfig());
});
beforeEach(async () => {
  namespace = await managementCluster().namespace();
  proxy.clearSeen();
});
afterAll(async () => {
  await endProcesses();
  await proxy?.close();
  await Promise.all([pebble?.stop(), customersOnly?.stop()]);
  rmSync(folder, { recursive: true });
});

async function account(...args: readonly string[]): Promise<CommandResult> {
  return await accountWith({}, ...args);
}

async function accountWith(more: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<CommandResult> {
  return await runCertman(['account', ...args], {
    HOME: '/nonexistent',
    KUBECONFIG: kubeconfig,
    CERTMAN_NAMESPACE: namespace,
    CERTMAN_ACME_DIRECTORY_URL: `${proxy.url}/dir`,
    CERTMAN_ACME_CA_BUNDLE: caBundle,
    ...more,
  });
}

const create = (directoryUrl: string, ...more: readonly string[]) =>
  account('create', '--directory', directoryUrl, ...more);

const accountSecret = () => managementCluster().admin.get(SECRETS, { namespace, name: ACCOUNT_SECRET });

/** Requests that change something at the CA. */
const changes = () => proxy.seen.filter(({ method, path }) => method === 'POST' && !path.startsWith('/nonce')).length;

describe('certman account create', () => {
  it('prints a Secret with the URL and the key of the new account', async () => {
    const { stdout, output } = await expectExit(
      create(pebble.directoryUrl, '--agree-tos', '--email', 'ops@example.com'),
    );
    const accountUrl = /^registered the account (.+)$/m.exec(output)?.[1] ?? '';
    const secret: unknown = parse(stdout);
    expect(secret).toEqual({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: ACCOUNT_SECRET, namespace },
      type: 'Opaque',
      stringData: { 'account-url': accountUrl, 'private-key': expect.stringContaining('PRIVATE KEY-----') as string },
    });
    const { stringData } = secret as { readonly stringData: Readonly<Record<string, string>> };
    const transport = new AcmeTransport({ userAgent: 'test', caBundlePem: pebble.caPem });
    try {
      const privateKeyPem = stringData['private-key'] ?? '';
      const existing = { directoryUrl: pebble.directoryUrl, privateKeyPem, termsAgreed: true };
      expect(await registerAccount(transport, existing)).toBe(accountUrl);
    } finally {
      await transport.close();
    }
  });

  it('registers nothing without agreement to the terms, and says where they are', async () => {
    const { output } = await expectExit(create(`${proxy.url}/dir`, '--apply'), 2);
    expect(output).toMatch(/requires agreement to its terms of service: data:text\/plain,/);
    expect(output).toContain('add --agree-tos');
    expect(changes()).toBe(0);
    expect(await accountSecret()).toBeUndefined();
  });

  it('binds the account to an external one whose key is in a Secret, and says so where that is missing', async () => {
    const register = (...more: readonly string[]) =>
      create(customersOnly.directoryUrl, '--agree-tos', '--apply', ...more);
    expect((await expectExit(register(), 2)).output).toContain('add --eab-secret');
    const missing = await expectExit(register('--eab-secret', 'eab'), 2);
    expect(missing.output).toContain(`Secret ${namespace}/eab does not exist`);
    expect(missing.output).toContain('kubectl create secret generic eab');

    const { admin } = managementCluster();
    const stringData = { 'key-id': 'customer-1', 'hmac-key': createHmac('sha256', 'another').digest('base64url') };
    await admin.create(SECRETS, { metadata: { namespace, name: 'eab' }, stringData });
    const wrong = await expectExit(register('--eab-secret', 'eab'), 1);
    expect(wrong.output).toContain('external account binding JWS verification error');
    expect(wrong.output).not.toContain(stringData['hmac-key']);
    expect(Object.keys((await accountSecret())?.['data'] ?? {})).toEqual(['private-key']);

    const eab = Buffer.from(`${EAB_KEY}\n`).toString('base64');
    await admin.patch(SECRETS, { namespace, name: 'eab' }, [{ op: 'replace', path: '/data/hmac-key', value: eab }]);
    const done = await expectExit(register('--eab-secret', 'eab'));
    expect(done.output).not.toContain(EAB_KEY);
    expect(Object.keys((await accountSecret())?.['data'] ?? {}).sort()).toEqual(['account-url', 'private-key']);
  });

  it('loses no account when the answer of the CA is lost, and never overwrites one', async () => {
    const register = () => create(`${proxy.url}/dir`, '--agree-tos', '--apply');
    const lost = proxy.inject({ when: ({ path }) => path === '/sign-me-up', fault: { kind: 'cutAfter' }, times: 1 });
    await expectExit(register(), 1);
    expect(lost.hits()).toBe(1);
    const key = ((await accountSecret())?.['data'] as Readonly<Record<string, string>> | undefined)?.['private-key'];
    await expectExit(register());
    const before = (await accountSecret())?.['data'];
    expect(before).toEqual({ 'private-key': key, 'account-url': expect.any(String) as string });
    proxy.clearSeen();
    expect((await expectExit(register(), 1)).output).toContain('exists already');
    expect(changes()).toBe(0);
    expect((await accountSecret())?.['data']).toEqual(before);
  });
});

describe('the account in the Secret', () => {
  beforeEach(async () => {
    const { admin } = managementCluster();
    const data = { default_notification_email_address: 'sre@example.com' };
    await admin.create(CONFIG_MAPS, { metadata: { namespace, name: 'certman-operator' }, data });
    await create(`${proxy.url}/dir`, '--agree-tos', '--apply', '--email', 'ops@example.com');
    proxy.clearSeen();
  });

  it('is shown as the CA has it', async () => {
    const { stdout } = await expectExit(account('show', '--json'));
    expect(JSON.parse(stdout)).toEqual({
      secret: ACCOUNT_SECRET,
      url: expect.stringContaining('/my-account/') as string,
      ca: new URL(proxy.url).host,
      directoryUrl: `${proxy.url}/dir`,
      status: 'valid',
      contact: ['mailto:ops@example.com'],
      key: { type: 'p-256', thumbprint: expect.stringMatching(/^[\w-]{43}$/) as string },
      rolloverUnfinished: false,
    });
    expect((await account('show')).output).toMatch(/^Secret {5}.*\naccount {4}https:.*\nCA .*\nstatus {5}valid\n/);
  });

  it('gets another contact, by default that of the ConfigMap, and is not sent one that it has', async () => {
    const planned = await account('update-contact', '--dry-run');
    expect(planned.output).toContain('Would change the contact from ops@example.com to sre@example.com');
    expect((await account('update-contact')).output).toContain('from ops@example.com to sre@example.com');
    proxy.clearSeen();
    const again = await account('update-contact', '-o', 'json');
    expect(JSON.parse(again.stdout)).toMatchObject({ outcome: 'unchanged', to: ['mailto:sre@example.com'] });
    // It was read.
    expect(changes()).toBe(1);
    expect((await account('update-contact', '--remove')).output).toContain('from sre@example.com to none');
    expect(JSON.parse((await account('show', '--json')).stdout)).toMatchObject({ contact: [] });
    await expectExit(account('update-contact', '--email', 'nobody'), 2);
    await expectExit(account('update-contact', '--email', 'a@b.example', '--remove'), 2);
  });

  it('gets another key only with --yes, and no key is printed', async () => {
    const { thumbprint } = (JSON.parse((await account('show', '--json')).stdout) as { key: { thumbprint: string } })
      .key;
    const before = (await accountSecret())?.['data'];
    expect((await expectExit(account('rollover'), 2)).output).toContain('add --yes');
    const planned = await expectExit(account('rollover', '--dry-run'));
    expect(planned.output).toMatch(/Would:\n1\. store a new key.*\n2\. have the CA.*\n3\. replace/);
    expect((await accountSecret())?.['data']).toEqual(before);

    const lost = proxy.inject({
      when: ({ path }) => path === '/rollover-account-key',
      fault: { kind: 'cutAfter' },
      times: 1,
    });
    const cut = await expectExit(account('rollover', '--yes', '--key-type', 'p-384'), 1);
    expect(cut.output).toContain('The same command completes it.');
    lost.remove();
    expect((await account('show')).output).toContain('rollover   unfinished');
    expect((await account('rollover', '--dry-run')).output).toMatch(/unfinished\. Would:\n1\. replace the present key/);
    const done = await expectExit(account('rollover', '--yes', '-o', 'yaml'));
    const shown = JSON.parse((await account('show', '--json')).stdout) as { key: { thumbprint: string } };
    expect(shown).toMatchObject({ rolloverUnfinished: false, key: { type: 'p-384' } });
    expect(shown.key.thumbprint).not.toBe(thumbprint);
    expect(done.output).toContain(shown.key.thumbprint);
    for (const { output } of [cut, done]) expect(output).not.toContain('PRIVATE KEY');
  });
});

it('the account of another CA of the settings is shown, changed and given another key by --secret', async () => {
  const first = `${proxy.url}/dir`;
  const eab = { 'key-id': 'customer-1', 'hmac-key': EAB_KEY };
  await managementCluster().admin.create(SECRETS, { metadata: { namespace, name: 'eab' }, stringData: eab });
  await create(first, '--agree-tos', '--apply');
  const untouched = (await accountSecret())?.['data'];
  const ofOther = ['--agree-tos', '--apply', '--eab-secret', 'eab', '--secret', 'other-account'];
  await expectExit(create(customersOnly.directoryUrl, ...ofOther));
  const of = (...args: readonly string[]) =>
    accountWith(
      {
        CERTMAN_FALLBACK_ACCOUNTS: 'absent-account=https://ca.example/dir',
        CERTMAN_STAGING_ACCOUNT: `other-account=${customersOnly.directoryUrl}`,
      },
      ...args,
    );

  const show = async () => {
    const { stdout } = await expectExit(of('show', '--secret', 'other-account', '--json'));
    return JSON.parse(stdout) as { readonly key: { readonly thumbprint: string } };
  };
  const before = await show();
  const { host } = new URL(customersOnly.url);
  expect(before).toMatchObject({ secret: 'other-account', ca: host, directoryUrl: customersOnly.directoryUrl });
  const changed = await expectExit(of('update-contact', '--secret', 'other-account', '--email', 'ops@example.com'));
  expect(changed.stdout).toContain(`to ops@example.com at ${host}`);
  await expectExit(of('rollover', '--secret', 'other-account', '--yes'));
  const after = await show();
  expect(after).toMatchObject({ contact: ['mailto:ops@example.com'], rolloverUnfinished: false });
  expect(after.key.thumbprint).not.toBe(before.key.thumbprint);
  expect((await accountSecret())?.['data']).toEqual(untouched);

  expect((await expectExit(of('show', '--secret', 'absent-account'), 1)).output).toContain('absent-account');
  for (const command of ['show', 'update-contact', 'rollover']) {
    const unknown = await expectExit(
      of(command, '--secret', 'unlisted', ...(command === 'rollover' ? ['--yes'] : [])),
      2,
    );
    expect(unknown.output).toContain(`${ACCOUNT_SECRET}, absent-account, other-account`);
  }
});

it('without the Secret, each command says which one is missing', async () => {
  for (const args of [['show'], ['update-contact'], ['rollover', '--yes']]) {
    const { output } = await expectExit(account(...args), 1);
    expect(output).toContain(`Secret ${namespace}/${ACCOUNT_SECRET} with the ACME account does not exist`);
  }
});
