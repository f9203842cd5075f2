/** Private keys from outside: OpenSSL computes minutes with numbers that fit into a Secret, on threads that all share. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { childElements, type DerElement, encodedOctets, readElement, TAG } from './der-reader.ts';

/** An RSA key of {@link MAX_RSA_BITS} has 6.4 KB. */
const MAX_PEM_LENGTH = 16 * 1024;
const MAX_RSA_BITS = 8_192;

const PEM_BLOCK = /-----BEGIN (RSA |EC |)PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END \1PRIVATE KEY-----/;
const TYPE_BY_LABEL: Readonly<Record<string, 'pkcs1' | 'sec1' | 'pkcs8'>> = {
  'RSA ': 'pkcs1',
  'EC ': 'sec1',
  '': 'pkcs8',
};
/** Object identifiers (RFC 8017 appendix A, RFC 5480 §2.1.1), encoded. */
const RSA = '06092a864886f70d010101';
const EC = '06072a8648ce3d0201';

/** A decoded key, or why it is not used, as the end of a sentence that begins with its name. */
export type DecodedPrivateKey =
  | { readonly key: KeyObject; readonly why?: undefined }
  | { readonly key?: undefined; readonly why: string };

/** Decodes an unencrypted key in PEM: PKCS#8, PKCS#1 or SEC1, RSA or EC, of a size that is cheap to use. Never throws. */
export function decodePrivateKey(pem: string): DecodedPrivateKey {
  if (pem.length > MAX_PEM_LENGTH) return { why: `has more than ${MAX_PEM_LENGTH / 1024} KiB` };
  const [, label, base64 = ''] = PEM_BLOCK.exec(pem) ?? [];
  const type = label === undefined ? undefined : TYPE_BY_LABEL[label];
  if (type === undefined) return { why: 'is not a private key in PEM' };
  const der = Buffer.from(base64, 'base64');
  try {
    const rsa = type === 'pkcs8' ? rsaKeyWithin(der) : type === 'pkcs1' ? der : undefined;
    const problem = rsa && rsaProblem(rsa);
    if (problem !== undefined) return { why: problem };
    const key = createPrivateKey({ key: der, format: 'der', type });
    // A curve of its own parameters has no name.
    const usable = key.asymmetricKeyType === 'rsa' || key.asymmetricKeyDetails?.namedCurve !== undefined;
    return usable ? { key } : { why: 'is EC on a curve without a name' };
  } catch {
    // OpenSSL's message can quote the key, so it is dropped.
    return { why: 'cannot be decoded as a private key, RSA or EC' };
  }
}

/** RSAPrivateKey (RFC 8017 §A.1.2) within PrivateKeyInfo (RFC 5208 §5); undefined for EC. @throws for any other. */
function rsaKeyWithin(der: Buffer): Buffer | undefined {
  const [, algorithm, key] = childElements(der, readElement(der, 0, der.length));
  if (algorithm === undefined || key === undefined) throw new Error('no PrivateKeyInfo');
  const [identifier] = childElements(der, algorithm);
  const oid = identifier && encodedOctets(der, identifier).toString('hex');
  if (oid === EC) return undefined;
  // Of others, such as DSA, OpenSSL computes the public key already when it decodes them.
  if (oid !== RSA) throw new Error('neither RSA nor EC');
  return der.subarray(key.content, key.end);
}

/** Why an RSA key is not used: its numbers decide what a signature costs, not only its modulus. */
function rsaProblem(der: Buffer): string | undefined {
  const numbers = [...childElements(der, readElement(der, 0, der.length))];
  const [, n, e, d, p, q, dp, dq, qi] = numbers.map((element) => bitsOf(der, element));
  if (qi === undefined || numbers.length > 9) return 'is an RSA key in an unusual form';
  const bits = n ?? 0;
  if (bits > MAX_RSA_BITS) return `is RSA of ${bits} bits, more than ${MAX_RSA_BITS}`;
  const most = [
    [e, bits],
    [d, bits],
    [(p ?? 0) + (q ?? 0), bits + 1],
    [dp, p],
    [dq, q],
    [qi, p],
  ] as const;
  return most.every(([size = 0, limit = 0]) => size <= limit)
    ? undefined
    : 'is an RSA key whose numbers do not fit its modulus';
}

function bitsOf(der: Buffer, { tag, content, end }: DerElement): number {
  if (tag !== TAG.integer) throw new Error('no number');
  let first = content;
  while (first < end - 1 && der[first] === 0) first += 1;
  return (end - first) * 8 - Math.clz32(der[first] ?? 0) + 24;
}
