import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { KEY_FILE } from '../../../support/dns/google/fake-cloud-dns.ts';
import { googleTarget, record, signal, useGoogle, ZONE } from '../../../support/dns/google/harness.ts';

const harness = useGoogle();
const publish = (target = googleTarget()) =>
  harness.provider().publish(target, [record(`api.${ZONE}`, 'v')], signal, 0);

test('a Secret that is missing is named', async () => {
  await expect(publish(googleTarget({ namespace: 'other' }))).rejects.toMatchObject({
    code: 'dns/credentialsMissing',
    message: expect.stringContaining('Secret other/gcp'),
    info: { remedy: expect.stringContaining('osServiceAccount.json') },
  });
});

test('a cluster or a standalone request that names none gets a failure that says where to', async () => {
  const platform = { kind: 'gcp', credentialsSecret: '' } as const;
  await expect(publish(googleTarget({ platform }))).rejects.toMatchObject({
    code: 'dns/credentialsMissing',
    info: { remedy: expect.stringContaining('spec.platform.gcp.credentialsSecretRef') },
  });
  await expect(publish(googleTarget({ platform, kind: 'CertificateRequest' }))).rejects.toMatchObject({
    message: expect.stringContaining('CertificateRequest ns/c1'),
    info: { remedy: expect.stringContaining('spec.platform.gcp.credentials;') },
  });
});

const EC_KEY = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' });

/** An RSA key as far as it is read; one to sign with takes minutes to make. */
function rsaKey(bits: number): string | Buffer {
  const ofBits = (length: number): string => Buffer.alloc(length / 8, 0xff).toString('base64url');
  const [whole, half] = [ofBits(bits), ofBits(bits / 2)];
  const key = { kty: 'RSA', e: 'AQAB', n: whole, d: whole, p: half, q: half, dp: half, dq: half, qi: half };
  return createPrivateKey({ format: 'jwk', key }).export({ type: 'pkcs8', format: 'pem' });
}

test.each([
  ['no JSON', 'SECRET', 'is no JSON object'],
  ['federated credentials, whose URLs their author chooses', { ...KEY_FILE, type: 'external_account' }, '(type: '],
  ['no key', { ...KEY_FILE, private_key: 'SECRET' }, '(private_key: it is no RSA private key'],
  ['a key that takes long to sign with', { ...KEY_FILE, private_key: rsaKey(5_120) }, '(private_key: '],
  ['a key of another kind', { ...KEY_FILE, private_key: EC_KEY }, '(private_key: '],
  ['no project', { ...KEY_FILE, project_id: '../SECRET' }, '(project_id: '],
  ['an address that is none', { ...KEY_FILE, client_email: 'SECRET' }, '(client_email: '],
  ['another universe', { ...KEY_FILE, universe_domain: 'SECRET.example' }, '(universe_domain: '],
])('%s is refused without quoting it', async (_what, keyFile, expected) => {
  harness.putKeyFile(keyFile);
  const failure: unknown = await publish().catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: 'dns/credentialsMalformed', message: expect.stringContaining(expected) });
  expect(JSON.stringify(failure)).not.toMatch(/SECRET|PRIVATE KEY/);
  expect(harness.google.requests).toEqual([]);
});

test('an entry that is missing is named', async () => {
  harness.kubernetes.put('Secret', 'ns', 'gcp', { data: { key: 'eA==' } });
  await expect(publish()).rejects.toMatchObject({
    code: 'dns/credentialsMalformed',
    message: expect.stringContaining('osServiceAccount.json is missing or empty'),
  });
});

test('certman never connects to where the Secret says', async () => {
  harness.google.addZone('c1', ZONE);
  harness.putKeyFile({
    ...KEY_FILE,
    token_uri: 'https://attacker.example/token',
    auth_uri: 'https://attacker.example',
  });
  await publish();
  expect(harness.google.tokens).toBe(1);
});

test('a key that Google refuses sends no request, and a new one is used at once', async () => {
  harness.google.addZone('c1', ZONE);
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  harness.putKeyFile({ ...KEY_FILE, private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }) });
  const dns = harness.provider();
  const publishAgain = () => dns.publish(googleTarget(), [record(`api.${ZONE}`, 'v')], signal, 0);
  const failure: unknown = await publishAgain().catch((error: unknown) => error);
  expect(failure).toMatchObject({
    code: 'dns/accessDenied',
    message: expect.stringMatching(
      /certman@certman-test.iam.gserviceaccount.com .*invalid_grant: Invalid JWT Signature/,
    ),
  });
  expect(harness.google.requests).toEqual([]);
  harness.putKeyFile(KEY_FILE);
  await publishAgain();
});

test('a token is used for many requests, and replaced when Google refuses it', async () => {
  harness.google.addZone('c1', ZONE);
  const dns = harness.provider();
  const publishAgain = (value: string) => dns.publish(googleTarget(), [record(`api.${ZONE}`, value)], signal, 0);
  await publishAgain('a');
  await publishAgain('b');
  expect(harness.google.tokens).toBe(1);
  harness.google.tokens = 7;
  await expect(publishAgain('c')).rejects.toMatchObject({ code: 'dns/accessDenied' });
  await publishAgain('c');
  expect(harness.google.tokens).toBe(8);
});

test('a project of others is denied', async () => {
  harness.putKeyFile({ ...KEY_FILE, project_id: 'their-project' });
  await expect(publish()).rejects.toMatchObject({
    code: 'dns/accessDenied',
    info: { remedy: expect.stringContaining('google-iam') },
  });
});
