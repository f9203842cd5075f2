import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { generatePrivateKey, isPrivateKeyOf, KEY_TYPES } from '../../../src/acme/private-key.ts';
import { decodePrivateKey } from '../../../src/x509/private-key.ts';
import { sequence, tlv } from '../../support/certificates/der-writer.ts';
import { forgedKeyOf } from '../../support/certificates/forged-key.ts';
import { selfSigned } from '../../support/certificates/self-signed.ts';

const publicHalf = (pem: string): KeyObject => createPublicKey(createPrivateKey(pem));

/** Numbers of these sizes, in an RSAPrivateKey (RFC 8017 §A.1.2). */
function rsaOfBits(bits: number, { p = bits / 2, d = bits }: { p?: number; d?: number } = {}): string {
  const number = (size: number): Buffer => {
    const octets = Buffer.alloc(size / 8 + 1, 0xfd);
    octets[0] = 0;
    return tlv(0x02, octets);
  };
  const numbers = [
    number(bits),
    tlv(0x02, Buffer.from([1, 0, 1])),
    number(d),
    number(p),
    number(p),
    number(p),
    number(p),
  ];
  const der = sequence(tlv(0x02, Buffer.from([0])), ...numbers, number(p));
  return `-----BEGIN RSA PRIVATE KEY-----\n${der.toString('base64')}\n-----END RSA PRIVATE KEY-----\n`;
}

describe('a private key that would cost minutes', () => {
  it.each([
    ['of 60,000 bits', rsaOfBits(60_000), 'more than 16 KiB'],
    ['of 16,384 bits', rsaOfBits(16_384), 'RSA of 16384 bits, more than 8192'],
    ['with larger primes than its modulus', rsaOfBits(2_048, { p: 16_384 }), 'do not fit its modulus'],
    ['with a larger exponent than its modulus', rsaOfBits(2_048, { d: 65_536 }), 'do not fit its modulus'],
  ])('%s proves nothing, and is not used', async (_what, text, why) => {
    const { key, why: reason } = decodePrivateKey(text);
    expect(key).toBeUndefined();
    expect(reason).toContain(why);
    expect(await isPrivateKeyOf(text, publicHalf(await generatePrivateKey('p-256')))).toBe(false);
  });

  it('of DSA is not decoded: that alone computes its public key', () => {
    const der = generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 }).privateKey;
    const text = der.export({ type: 'pkcs8', format: 'pem' }).toString();
    expect(decodePrivateKey(text)).toEqual({ why: 'cannot be decoded as a private key, RSA or EC' });
  });

  it.each([2_048, 4_096, 8_192])('is none of RSA with %i bits', (bits) => {
    expect(decodePrivateKey(rsaOfBits(bits)).why).toBeUndefined();
  });
});

describe('possession of a private key', () => {
  it.each(KEY_TYPES)('of type %s is proved by a signature', async (type) => {
    const pem = await generatePrivateKey(type);
    expect(await isPrivateKeyOf(pem, publicHalf(pem))).toBe(true);
    expect(await isPrivateKeyOf(await generatePrivateKey(type), publicHalf(pem))).toBe(false);
  });

  it('is not proved by a forged PEM that OpenSSL accepts as the pair', async () => {
    const leaf = new X509Certificate(selfSigned().chainPem);
    const forged = forgedKeyOf(leaf.publicKey);
    expect(leaf.checkPrivateKey(createPrivateKey(forged))).toBe(true);
    expect(await isPrivateKeyOf(forged, leaf.publicKey)).toBe(false);
    const rsa = publicHalf(await generatePrivateKey('rsa-2048'));
    expect(await isPrivateKeyOf(forgedKeyOf(rsa), rsa)).toBe(false);
  });

  it.each([
    ['no key', 'nothing of the kind'],
    ['a public key', generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }).toString()],
    [
      'a key that does not sign',
      generateKeyPairSync('x25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    ],
    [
      'a key of another kind',
      generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    ],
  ])('is not proved by %s', async (_what, text) => {
    expect(await isPrivateKeyOf(text, publicHalf(await generatePrivateKey('p-256')))).toBe(false);
  });
});
