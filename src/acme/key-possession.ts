/** Who holds the key of a certificate may have it revoked, whoever's account ordered it (RFC 8555 §7.6). */
import { createPrivateKey, type KeyObject, randomBytes, sign, verify } from 'node:crypto';

/** SHA-256 does for every RSA and EC key; a key of another kind has a hash of its own (RFC 8032) or is not of a certificate here. */
const HASH = 'sha256';
/** Not known before, so that nobody has a signature of it ready. */
const NONCE_BYTES = 32;

/**
 * Whether this is the private half of a public key, shown by a signature. To compare public halves (as
 * `X509Certificate.checkPrivateKey` does) shows nothing of the kind: a key in PEM carries its public half beside the private
 * one, OpenSSL reads the two without asking whether they belong together, and so anybody can write a key that "matches".
 * Signs on libuv's threads: whoever fills the Secret chooses how large the key is.
 */
export async function isPrivateKeyOf(keyPem: string, publicKey: KeyObject): Promise<boolean> {
  const nonce = randomBytes(NONCE_BYTES);
  const signature = await trySign(nonce, keyPem);
  if (signature === undefined) return false;
  try {
    return verify(HASH, nonce, publicKey, signature);
  } catch {
    // A kind of key that does not sign by this hash: nothing is shown.
    return false;
  }
}

/** @returns undefined when the text is no key that can sign; OpenSSL's reason can quote it, so it is not passed on. */
function trySign(nonce: Buffer, keyPem: string): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    try {
      const key = createPrivateKey(keyPem);
      sign(HASH, nonce, key, (error, signature) => resolve(error === null ? signature : undefined));
    } catch {
      resolve(undefined);
    }
  });
}
