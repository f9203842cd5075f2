import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { readLeaf } from '../../../src/acme/certificate.ts';
import { certificateFacts } from '../../../src/kubernetes/objects/certificate-facts.ts';
import { observationOf, parseTlsData } from '../../../src/kubernetes/objects/tls-secret.ts';
import { selfSigned } from '../../support/certificates/self-signed.ts';

const encode = (text: string): string => Buffer.from(text).toString('base64');
const dataOf = (pair: { chainPem: string; keyPem: string }) => ({
  'tls.crt': encode(pair.chainPem),
  'tls.key': encode(pair.keyPem),
});

describe('a Secret with a certificate and its key', () => {
  test('is valid', () => {
    const pair = selfSigned();
    expect(parseTlsData(dataOf(pair))).toMatchObject({ kind: 'valid', ...pair });
  });

  test('gives the facts: serial number in decimal, dates to the second, names in lower case', () => {
    const pair = selfSigned({
      dnsNames: ['API.c1.example.com', '*.apps.c1.example.com'],
      serialHex: '04ffffffffffffffffffffffffffffffff',
      issuerCommonName: 'R11',
    });
    expect(certificateFacts(readLeaf(pair.chainPem))).toEqual({
      serialNumber: (2n ** 128n * 5n - 1n).toString(),
      issuerName: 'R11',
      notBefore: '2026-01-01T00:00:00Z',
      notAfter: '2026-04-01T00:00:00Z',
      dnsNames: ['api.c1.example.com', '*.apps.c1.example.com'],
      fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  test('has the whole issuer DN where there is no common name', () => {
    expect(certificateFacts(readLeaf(selfSigned().chainPem)).issuerName).toBe('O=Nameless');
  });

  test('gives a workflow neither key nor PEM', () => {
    const observation = observationOf(parseTlsData(dataOf(selfSigned())));
    expect(JSON.stringify(observation)).not.toContain('-----');
    expect(Object.keys(observation)).toEqual(['kind', 'certificate']);
  });
});

const pair = selfSigned();
const other = selfSigned();
test.each([
  ['no data', undefined, 'tls.crt is missing or empty.'],
  ['no certificate', { 'tls.key': encode(pair.keyPem) }, 'tls.crt is missing or empty.'],
  ['no key', { 'tls.crt': encode(pair.chainPem) }, 'tls.key is missing or empty.'],
  ['text for a certificate', { ...dataOf(pair), 'tls.crt': encode('hello') }, 'tls.crt is not a certificate in PEM.'],
  ['text for a key', { ...dataOf(pair), 'tls.key': encode('hello') }, 'tls.key is not a private key in PEM.'],
  [
    'the key of another',
    { ...dataOf(pair), 'tls.key': encode(other.keyPem) },
    'tls.key is not the key of the certificate in tls.crt.',
  ],
  [
    'a certificate of a negative serial number',
    dataOf(selfSigned({ serialHex: 'ff' })),
    'tls.crt is a certificate whose serial number is negative or has more than 20 octets.',
  ],
  [
    'a certificate of a serial number of 21 octets',
    dataOf(selfSigned({ serialHex: '01'.repeat(21) })),
    'tls.crt is a certificate whose serial number is negative or has more than 20 octets.',
  ],
  [
    'a certificate of thousands of names',
    dataOf(selfSigned({ dnsNames: Array.from({ length: 3_000 }, (_, index) => `n${index}.example.com`) })),
    'tls.crt is a certificate of more than 32 KiB.',
  ],
  [
    'a key of 50 KB',
    { ...dataOf(pair), 'tls.key': encode(pair.keyPem + 'A'.repeat(50_000)) },
    'tls.key has more than 16 KiB.',
  ],
  ['something huge', { ...dataOf(pair), 'tls.crt': 'A'.repeat(400_000) }, 'tls.crt is larger than 256 KiB.'],
  ['a number', { ...dataOf(pair), 'tls.crt': 5 }, 'tls.crt is not a string.'],
])('a Secret with %s is broken, with the reason', (_name, data, message) => {
  expect(parseTlsData(data)).toMatchObject({ kind: 'broken', message });
});

const rsaKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
test.each([
  ['of the same kind', other.keyPem],
  ['of another kind', rsaKey.export({ type: 'pkcs1', format: 'pem' }).toString()],
])('a valid key of another certificate, %s, is reported as a mismatch', (_kind, keyPem) => {
  expect(observationOf(parseTlsData({ ...dataOf(pair), 'tls.key': encode(keyPem) }))).toEqual({
    kind: 'broken',
    message: 'tls.key is not the key of the certificate in tls.crt.',
    keyMismatch: true,
  });
  expect(observationOf(parseTlsData({ ...dataOf(pair), 'tls.key': '' }))).toMatchObject({ keyMismatch: undefined });
});

test('a broken Secret gives the certificate that can be parsed, so that it can be revoked', () => {
  const judged = parseTlsData({ 'tls.crt': encode(pair.chainPem) });
  expect(judged).toMatchObject({ kind: 'broken', chainPem: pair.chainPem, certificate: { issuerName: 'O=Nameless' } });
});

test('the message about a broken Secret has no key material', () => {
  const judged = parseTlsData({ ...dataOf(pair), 'tls.key': encode(other.keyPem) });
  expect(JSON.stringify(judged)).not.toContain('PRIVATE KEY');
});
