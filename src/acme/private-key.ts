import { generateKeyPair, type KeyObject, randomBytes, sign, verify } from 'node:crypto';
import { promisify } from 'node:util';
import { CertmanError } from '../failures/failure.ts';
import { decodePrivateKey } from '../x509/private-key.ts';

/** The types of private keys that certman generates. */
export const KEY_TYPES = ['rsa-2048', 'p-256', 'p-384'] as const;

/** Type of a certificate's key. Hive and OpenShift accept all of them; certman-operator generates `rsa-2048`. */
export type KeyType = (typeof KEY_TYPES)[number];

const generate = promisify(generateKeyPair);

/** A private key, and the same as PKCS#8 PEM, for who would else decode it again. */
export interface GeneratedKey {
  readonly key: KeyObject;
  readonly pem: string;
}

/** Generates a private key on libuv's thread pool. */
export async function generateKey(type: KeyType): Promise<GeneratedKey> {
  const { privateKey: key } =
    type === 'rsa-2048'
      ? await generate('rsa', { modulusLength: 2048 })
      : await generate('ec', { namedCurve: type.toUpperCase() });
  return { key, pem: key.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

/** As {@link generateKey}. @returns PKCS#8 PEM. */
export async function generatePrivateKey(type: KeyType): Promise<string> {
  return (await generateKey(type)).pem;
}

/** Decodes a certificate's key. @throws CertmanError `kubernetes/secretBroken`, without any content of the Secret. */
export function parsePrivateKey(pem: string): KeyObject {
  const { key, why } = decodePrivateKey(pem);
  if (key !== undefined) return key;
  throw new CertmanError({
    code: 'kubernetes/secretBroken',
    message: `The private key in the Secret cannot be used: it ${why}.`,
    remedy: 'Delete the Secret; certman creates a new key and certificate.',
  });
}

/** Signs on libuv's thread pool: hash, data, key. @returns the signature in DER. */
export const signData: (hash: string, data: Buffer, key: KeyObject) => Promise<Buffer> = promisify(sign);

/** Valid for every RSA and ECDSA key. */
const HASH = 'sha256';
/** Unpredictable, so that no signature of it can have been prepared. */
const NONCE_BYTES = 32;

/**
 * Whether a private key belongs to a public key: signs a nonce, on libuv's thread pool, with a key whose size is
 * bounded, since the Secret's owner chooses it. `checkPrivateKey` proves nothing: OpenSSL does not compare a PEM's public key with its private key.
 */
export async function isPrivateKeyOf(keyPem: string, publicKey: KeyObject): Promise<boolean> {
  const { key } = decodePrivateKey(keyPem);
  if (key === undefined) return false;
  const nonce = randomBytes(NONCE_BYTES);
  try {
    return verify(HASH, nonce, publicKey, await signData(HASH, nonce, key));
  } catch {
    // A key that cannot sign with this hash. OpenSSL's message can quote the key, so it is dropped.
    return false;
  }
}
