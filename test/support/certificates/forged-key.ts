/** Forged private keys in PEM: with the public key of a pair whose private key is not known. */
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';

/** PKCS#8 PEM of another private key beside this public key (EC on P-256, or RSA); OpenSSL accepts it. */
export function forgedKeyOf(publicKey: KeyObject): string {
  return (publicKey.asymmetricKeyType === 'rsa' ? forgedRsa(publicKey) : forgedEc(publicKey))
    .export({ type: 'pkcs8', format: 'pem' })
    .toString();
}

function forgedRsa(publicKey: KeyObject): KeyObject {
  const own = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
  const { n = '', e = '' } = publicKey.export({ format: 'jwk' });
  return createPrivateKey({ key: { ...own, n, e }, format: 'jwk' });
}

/** Overwrites the public point at the end of ECPrivateKey (RFC 5915 §3). */
function forgedEc(publicKey: KeyObject): KeyObject {
  const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const der = own.privateKey.export({ type: 'sec1', format: 'der' });
  pointOf(publicKey).copy(der, der.indexOf(pointOf(own.publicKey)));
  return createPrivateKey({ key: der, type: 'sec1', format: 'der' });
}

const POINT_BYTES = 65;

function pointOf(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' }).subarray(-POINT_BYTES);
}
