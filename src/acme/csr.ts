import { createPublicKey, type KeyObject } from 'node:crypto';
import { MAX_COMMON_NAME_LENGTH } from '../certificates/dns-name.ts';
import { CertmanError } from '../failures/failure.ts';
import { bitString, nullValue, objectIdentifier, octetString, sequence, setOf, tlv, utf8String } from './der-writer.ts';
import { signWith } from './private-key.ts';

const COMMON_NAME = objectIdentifier('2.5.4.3');
const EXTENSION_REQUEST = objectIdentifier('1.2.840.113549.1.9.14');
const SUBJECT_ALT_NAME = objectIdentifier('2.5.29.17');
const VERSION_1 = Buffer.from([0x02, 0x01, 0x00]);

/** Signature algorithms (RFC 8017, RFC 5758) with their hashes. */
const ALGORITHMS = {
  rsa: { hash: 'sha256', identifier: sequence(objectIdentifier('1.2.840.113549.1.1.11'), nullValue()) },
  prime256v1: { hash: 'sha256', identifier: sequence(objectIdentifier('1.2.840.10045.4.3.2')) },
  secp384r1: { hash: 'sha384', identifier: sequence(objectIdentifier('1.2.840.10045.4.3.3')) },
} as const;

/** The names that a CSR requests. */
export interface CsrNames {
  /** For the subjectAltName extension, in this order. */
  readonly dnsNames: readonly string[];
  /** Absent: an empty subject. */
  readonly commonName?: string | undefined;
}

/**
 * Creates a PKCS#10 request (RFC 2986) in DER, signed on libuv's thread pool. Replaces acme-client's `createCsr`, whose
 * ASN.1 library blocks the event loop for as long as all the rest of an order.
 * @throws CertmanError `names/invalid` for a too long common name, `kubernetes/secretBroken` for an unknown key type.
 */
export async function createCsr(key: KeyObject, { dnsNames, commonName }: CsrNames): Promise<Buffer> {
  if (commonName !== undefined && Buffer.byteLength(commonName) > MAX_COMMON_NAME_LENGTH) {
    throw new CertmanError({
      code: 'names/invalid',
      message: `${commonName} is longer than the ${MAX_COMMON_NAME_LENGTH} characters of a common name.`,
    });
  }
  const { hash, identifier } = algorithmOf(key);
  const publicKey = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const info = sequence(VERSION_1, subject(commonName), publicKey, attributes(dnsNames));
  return sequence(info, identifier, bitString(await signWith(key, hash, info)));
}

function algorithmOf(key: KeyObject): (typeof ALGORITHMS)[keyof typeof ALGORITHMS] {
  const kind = key.asymmetricKeyType === 'rsa' ? 'rsa' : key.asymmetricKeyDetails?.namedCurve;
  if (kind === 'rsa' || kind === 'prime256v1' || kind === 'secp384r1') return ALGORITHMS[kind];
  throw new CertmanError({
    code: 'kubernetes/secretBroken',
    message: `The staged key has a type that certman does not generate (${key.asymmetricKeyType} ${kind ?? ''}).`,
    remedy: 'Delete the staging Secret; certman creates a new key.',
  });
}

function subject(commonName: string | undefined): Buffer {
  return commonName === undefined ? sequence() : sequence(setOf(sequence(COMMON_NAME, utf8String(commonName))));
}

function attributes(dnsNames: readonly string[]): Buffer {
  // GeneralName dNSName [2] IA5String (RFC 5280 §4.2.1.6).
  const names = sequence(...dnsNames.map((name) => tlv(0x82, Buffer.from(name, 'ascii'))));
  const extensions = sequence(sequence(SUBJECT_ALT_NAME, octetString(names)));
  return tlv(0xa0, sequence(EXTENSION_REQUEST, setOf(extensions)));
}
