import { createPrivateKey, generateKeyPair, type KeyObject, randomBytes, sign, verify } from 'node:crypto';
import { CertmanError } from '../failures/failure.ts';

/** The types of private keys that certman generates. */
export const KEY_TYPES = ['rsa-2048', 'p-256', 'p-384'] as const;

/** Type of a certificate's key. Hive and OpenShift accept all of them; certman-operator generates `rsa-2048`. */
export type KeyType = (typeof KEY_TYPES)[number];

const CURVES = { 'p-256': 'P-256', 'p-384': 'P-384' } as const;

const ENCODINGS = {
  publicKeyEncoding: { type: 'spki', format: 'der' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
} as const;

/** Generates a private key on libuv's thread pool. @returns PKCS#8 PEM. */
export function generatePrivateKey(type: KeyType): Promise<string> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, _publicKey: Buffer, privateKey: string): void =>
      error === null ? resolve(privateKey) : reject(error);
    if (type === 'rsa-2048') generateKeyPair('rsa', { modulusLength: 2048, ...ENCODINGS }, done);
    else generateKeyPair('ec', { namedCurve: CURVES[type], ...ENCODINGS }, done);
  });
}

/** Decodes a certificate's key. @throws CertmanError `kubernetes/secretBroken`, without any content of the Secret. */
export function parsePrivateKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw new CertmanError({
      code: 'kubernetes/secretBroken',
      message: 'The private key in the Secret cannot be decoded: expected an unencrypted PEM private key.',
      remedy: 'Delete the Secret; certman creates a new key and certificate.',
    });
  }
}

/** Valid for every RSA and ECDSA key. */
const HASH = 'sha256';
/** Unpredictable, so that no signature of it can have been prepared. */
const NONCE_BYTES = 32;

/**
 * Whether a private key belongs to a public key: signs a nonce, on libuv's thread pool, as the Secret's owner chooses
 * the key size. `checkPrivateKey` proves nothing: OpenSSL does not compare a PEM's public key with its private key.
 */
export async function isPrivateKeyOf(keyPem: string, publicKey: KeyObject): Promise<boolean> {
  const nonce = randomBytes(NONCE_BYTES);
  try {
    return verify(HASH, nonce, publicKey, await signWith(createPrivateKey(keyPem), HASH, nonce));
  } catch {
    // Not a key, or a key that cannot sign with this hash. OpenSSL's message can quote the key, so it is dropped.
    return false;
  }
}

/** Signs on libuv's thread pool. @returns the signature in DER. */
export function signWith(key: KeyObject, hash: string, data: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    sign(hash, data, key, (error, signature) => (error === null ? resolve(signature) : reject(error)));
  });
}
