import { type KeyObject, sign } from 'node:crypto';
import { CertmanError } from '../failures/failure.ts';
import { bitString, nullValue, objectIdentifier, octetString, sequence, setOf, tlv, utf8String } from './der-writer.ts';
import { publicKeyDer } from './private-key.ts';

/** RFC 5280 Appendix A.1: ub-common-name. */
const MAX_COMMON_NAME_LENGTH = 64;

const COMMON_NAME = objectIdentifier('2.5.4.3');
const EXTENSION_REQUEST = objectIdentifier('1.2.840.113549.1.9.14');
const SUBJECT_ALT_NAME = objectIdentifier('2.5.29.17');
const VERSION_1 = Buffer.from([0x02, 0x01, 0x00]);

/** Signature algorithms (RFC 8017, RFC 5758) and their hashes. */
const ALGORITHMS = {
  rsa: { hash: 'sha256', identifier: sequence(objectIdentifier('1.2.840.113549.1.1.11'), nullValue()) },
  prime256v1: { hash: 'sha256', identifier: sequence(objectIdentifier('1.2.840.10045.4.3.2')) },
  secp384r1: { hash: 'sha384', identifier: sequence(objectIdentifier('1.2.840.10045.4.3.3')) },
} as const;

export interface CsrNames {
  /** In order; all go into the subjectAltName extension. */
  readonly dnsNames: readonly string[];
  /** Absent for names too long for a CN, or profiles without one. */
  readonly commonName?: string | undefined;
}

/**
 * A PKCS#10 request (RFC 2986) with the names as subjectAltName, signed off the event loop.
 * Written out by hand: the ASN.1 library behind acme-client's `createCsr` takes as long on the event loop as all the rest of an order.
 * @returns DER.
 */
export async function createCsr(key: KeyObject, names: CsrNames): Promise<Buffer> {
  if (names.commonName !== undefined && Buffer.byteLength(names.commonName) > MAX_COMMON_NAME_LENGTH) {
    throw new CertmanError({
      code: 'names/invalid',
      message: `${names.commonName} is longer than the ${MAX_COMMON_NAME_LENGTH} characters of a common name.`,
    });
  }
  const algorithm = algorithmOf(key);
  const info = sequence(VERSION_1, subject(names.commonName), publicKeyDer(key), attributes(names.dnsNames));
  const signature = await new Promise<Buffer>((resolve, reject) => {
    sign(algorithm.hash, info, key, (error, made) => (error === null ? resolve(made) : reject(error)));
  });
  return sequence(info, algorithm.identifier, bitString(signature));
}

function algorithmOf(key: KeyObject): (typeof ALGORITHMS)[keyof typeof ALGORITHMS] {
  const kind = key.asymmetricKeyType === 'rsa' ? 'rsa' : key.asymmetricKeyDetails?.namedCurve;
  if (kind === 'rsa' || kind === 'prime256v1' || kind === 'secp384r1') return ALGORITHMS[kind];
  throw new CertmanError({
    code: 'kubernetes/secretBroken',
    message: `The staged key is of a kind that certman does not make (${key.asymmetricKeyType} ${kind ?? ''}).`,
    remedy: 'Delete the staging Secret; a new key is made.',
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
