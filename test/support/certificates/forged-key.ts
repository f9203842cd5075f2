/** Keys in PEM that carry the public half of a key pair that their writer has no private half of. */
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';

/** PKCS#8 PEM of some other private half beside this public one (EC on P-256, or RSA); OpenSSL reads it without complaint. */
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

/** ECPrivateKey (RFC 5915 §3) ends with the public point, uncompressed: it is overwritten. */
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
