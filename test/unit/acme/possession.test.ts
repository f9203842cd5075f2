import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { KEY_TYPES, makePrivateKey } from '../../../src/acme/key.ts';
import { isPrivateHalf } from '../../../src/acme/possession.ts';
import { forgedKeyOf } from '../../support/forged-key.ts';
import { selfSigned } from '../../support/self-signed.ts';

const publicHalf = (pem: string): KeyObject => createPublicKey(createPrivateKey(pem));

describe('the key of a certificate', () => {
  it.each(KEY_TYPES)('of %s is shown to be there by what it signs', async (type) => {
    const pem = await makePrivateKey(type);
    expect(await isPrivateHalf(pem, publicHalf(pem))).toBe(true);
    expect(await isPrivateHalf(await makePrivateKey(type), publicHalf(pem))).toBe(false);
  });

  it('is not there in a text that only says so, though OpenSSL takes the two for a pair', async () => {
    const leaf = new X509Certificate(selfSigned().chainPem);
    const forged = forgedKeyOf(leaf.publicKey);
    expect(leaf.checkPrivateKey(createPrivateKey(forged))).toBe(true);
    expect(await isPrivateHalf(forged, leaf.publicKey)).toBe(false);
    const rsa = publicHalf(await makePrivateKey('rsa-2048'));
    expect(await isPrivateHalf(forgedKeyOf(rsa), rsa)).toBe(false);
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
    expect(await isPrivateHalf(text, publicHalf(await makePrivateKey('p-256')))).toBe(false);
  });
});
