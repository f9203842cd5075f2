import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { generatePrivateKey, isPrivateKeyOf, KEY_TYPES } from '../../../src/acme/private-key.ts';
import { forgedKeyOf } from '../../support/certificates/forged-key.ts';
import { selfSigned } from '../../support/certificates/self-signed.ts';

const publicHalf = (pem: string): KeyObject => createPublicKey(createPrivateKey(pem));

describe('the key of a certificate', () => {
  it.each(KEY_TYPES)('of %s is shown to be there by what it signs', async (type) => {
    const pem = await generatePrivateKey(type);
    expect(await isPrivateKeyOf(pem, publicHalf(pem))).toBe(true);
    expect(await isPrivateKeyOf(await generatePrivateKey(type), publicHalf(pem))).toBe(false);
  });

  it('is not there in a text that only says so, though OpenSSL takes the two for a pair', async () => {
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
  ])('is not there in %s', async (_what, text) => {
    expect(await isPrivateKeyOf(text, publicHalf(await generatePrivateKey('p-256')))).toBe(false);
  });
});
