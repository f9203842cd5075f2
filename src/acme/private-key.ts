import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { CertmanError } from '../failures/failure.ts';

export const KEY_TYPES = ['rsa-2048', 'p-256', 'p-384'] as const;

/** Kind of a certificate's key. Hive and OpenShift take all of them; `rsa-2048` is what certman-operator makes. */
export type KeyType = (typeof KEY_TYPES)[number];

const CURVES = { 'p-256': 'P-256', 'p-384': 'P-384' } as const;

/** Makes a private key on libuv's threads, off the event loop. @returns PKCS#8 PEM. */
export function generatePrivateKey(type: KeyType): Promise<string> {
  const encodings = {
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  } as const;
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, _publicKey: Buffer, privateKey: string): void =>
      error === null ? resolve(privateKey) : reject(error);
    if (type === 'rsa-2048') generateKeyPair('rsa', { modulusLength: 2048, ...encodings }, done);
    else generateKeyPair('ec', { namedCurve: CURVES[type], ...encodings }, done);
  });
}

/**
 * Reads a certificate's key out of a Secret.
 * @throws CertmanError `kubernetes/secretBroken`, without any of what was found.
 */
export function parsePrivateKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw new CertmanError({
      code: 'kubernetes/secretBroken',
      message: 'The private key in the Secret cannot be decoded: expected an unencrypted PEM private key.',
      remedy: 'Delete the Secret; a new key and certificate are made.',
    });
  }
}

/** SubjectPublicKeyInfo in DER: what makes two halves of a key pair comparable. */
export function publicKeyDer(key: KeyObject): Buffer {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return publicKey.export({ type: 'spki', format: 'der' });
}
