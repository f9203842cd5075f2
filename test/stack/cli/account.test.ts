/** `certman account create` against a real CA. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { registerAccount } from '../../../src/acme/register-account.ts';
import { AcmeTransport } from '../../../src/acme/transport.ts';
import { type Pebble, startPebble } from '../../support/acme/pebble.ts';
import { endProcesses, startCertman } from '../../support/process/certman-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'certman-account-'));
let pebble: Pebble;
beforeAll(async () => {
  pebble = await startPebble();
});
afterAll(async () => {
  await endProcesses();
  await pebble?.stop();
  rmSync(folder, { recursive: true });
});

it('prints a Secret with the URL and the key of the new account', async () => {
  const caBundle = join(folder, 'ca.pem');
  writeFileSync(caBundle, pebble.caPem);
  const args = ['account', 'create', '--agree-tos', '--directory', pebble.directoryUrl, '--ca-bundle', caBundle];
  const command = await startCertman([...args, '--email', 'ops@example.com'], { HOME: '/nonexistent' });
  expect(await command.waitForExit()).toBe('code 0');
  const [note = '', ...manifest] = command.output().split('\n');
  const accountUrl = /^registered the account (.+)$/.exec(note)?.[1] ?? '';
  const secret: unknown = parse(manifest.join('\n'));
  expect(secret).toEqual({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'lets-encrypt-account', namespace: 'certman-operator' },
    type: 'Opaque',
    stringData: { 'account-url': accountUrl, 'private-key': expect.stringContaining('PRIVATE KEY-----') as string },
  });
  const { stringData } = secret as { readonly stringData: Readonly<Record<string, string>> };
  const transport = new AcmeTransport({ userAgent: 'test', caBundlePem: pebble.caPem });
  try {
    const privateKeyPem = stringData['private-key'] ?? '';
    expect(await registerAccount(transport, { directoryUrl: pebble.directoryUrl, privateKeyPem })).toBe(accountUrl);
  } finally {
    await transport.close();
  }
});
