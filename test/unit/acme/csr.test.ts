import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { crypto as acmeCrypto } from 'acme-client';
import { describe, expect, it } from 'vitest';
import { createCsr } from '../../../src/acme/csr.ts';
import { generatePrivateKey, KEY_TYPES, parsePrivateKey } from '../../../src/acme/private-key.ts';
import { CertmanError } from '../../../src/failures/failure.ts';

const NAMES = ['api.c1.example.com', 'rh-api.c1.example.com', '*.apps.c1.example.com'];

function pemOf(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE REQUEST-----\n${lines.join('\n')}\n-----END CERTIFICATE REQUEST-----\n`;
}

function openssl(input: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile('openssl', ['req', '-verify', '-noout', '-text'], (error, stdout, stderr) =>
      error === null ? resolve(`${stdout}${stderr}`) : reject(error),
    );
    child.stdin?.end(input);
  });
}

describe('a CSR', () => {
  it.each(KEY_TYPES)('with a key of type %s verifies and names all names', async (type) => {
    const csr = pemOf(
      await createCsr(parsePrivateKey(await generatePrivateKey(type)), { dnsNames: NAMES, commonName: NAMES[0] }),
    );
    const text = await openssl(csr);
    expect(text).toMatch(/verify OK/);
    expect(text).toContain(NAMES.map((name) => `DNS:${name}`).join(', '));
    expect(text).toMatch(/Subject: ?CN ?= ?api\.c1\.example\.com/);
  });

  it('has an empty subject when no common name is given', async () => {
    const csr = pemOf(await createCsr(parsePrivateKey(await generatePrivateKey('p-256')), { dnsNames: NAMES }));
    expect(acmeCrypto.readCsrDomains(csr)).toEqual({ commonName: null, altNames: NAMES });
  });

  it('contains a hundred names', async () => {
    const many = Array.from({ length: 100 }, (_, index) => `n${index}.a-long-enough-label.example.com`);
    const csr = pemOf(await createCsr(parsePrivateKey(await generatePrivateKey('p-256')), { dnsNames: many }));
    expect(acmeCrypto.readCsrDomains(csr).altNames).toEqual(many);
  });

  it('rejects a common name of more than 64 characters', async () => {
    const key = parsePrivateKey(await generatePrivateKey('p-256'));
    const long = `${'a'.repeat(60)}.example.com`;
    await expect(createCsr(key, { dnsNames: [long], commonName: long })).rejects.toMatchObject({
      code: 'names/invalid',
    });
  });

  it('rejects a key type that certman does not generate', async () => {
    const { privateKey } = generateKeyPairSync('ed25519');
    await expect(createCsr(privateKey, { dnsNames: NAMES })).rejects.toBeInstanceOf(CertmanError);
  });
});

describe('a private key', () => {
  it('is new each time', async () => {
    const [one, other] = await Promise.all([generatePrivateKey('p-256'), generatePrivateKey('p-256')]);
    expect(one).not.toBe(other);
  });

  it('that cannot be decoded is rejected without being quoted', () => {
    const secret = 'c2VjcmV0LXNlY3JldC1zZWNyZXQ=';
    try {
      parsePrivateKey(`-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----\n`);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: 'kubernetes/secretBroken' });
      expect(`${String(error)}${(error as Error).stack}`).not.toContain(secret);
    }
  });
});
