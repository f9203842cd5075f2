import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { generatePrivateKey, isPrivateKeyOf, KEY_TYPES } from '../../../src/acme/private-key.ts';
import { forgedKeyOf } from '../../support/certificates/forged-key.ts';
import { selfSigned } from '../../support/certificates/self-signed.ts';

const publicHalf = (pem: string): KeyObject => createPublicKey(createPrivateKey(pem));

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
