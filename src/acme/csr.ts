import { createPublicKey, type KeyObject } from 'node:crypto';
import * as asn1 from 'asn1js';
import { MAX_COMMON_NAME_LENGTH } from '../certificates/dns-name.ts';
import { CertmanError } from '../failures/failure.ts';
import { signData } from './private-key.ts';

const COMMON_NAME = '2.5.4.3';
const EXTENSION_REQUEST = '1.2.840.113549.1.9.14';
const SUBJECT_ALT_NAME = '2.5.29.17';
const CONTEXT_SPECIFIC = 3;

/** Signature algorithms (RFC 8017, RFC 5758) with their hashes. */
const ALGORITHMS = {
  rsa: { hash: 'sha256', identifier: sequence(objectId('1.2.840.113549.1.1.11'), new asn1.Null()) },
  prime256v1: { hash: 'sha256', identifier: sequence(objectId('1.2.840.10045.4.3.2')) },
  secp384r1: { hash: 'sha384', identifier: sequence(objectId('1.2.840.10045.4.3.3')) },
} as const;

/** The names that a CSR requests. */
export interface CsrNames {
  /** For the subjectAltName extension, in this order. */
  readonly dnsNames: readonly string[];
  /** Absent: an empty subject. */
  readonly commonName?: string | undefined;
}

/**
 * Creates a PKCS#10 request (RFC 2986) in DER, signed on libuv's thread pool. Not acme-client's `createCsr`, which
 * blocks the event loop for as long as all the rest of an order.
 * @throws CertmanError `names/invalid` for a too long common name, `kubernetes/secretBroken` for an unknown key type.
 */
export async function createCsr(key: KeyObject, { dnsNames, commonName }: CsrNames): Promise<Buffer> {
  if (commonName !== undefined && Buffer.byteLength(commonName) > MAX_COMMON_NAME_LENGTH) {
    const message = `${commonName} is longer than the ${MAX_COMMON_NAME_LENGTH} characters of a common name.`;
    throw new CertmanError({ code: 'names/invalid', message });
  }
  const { hash, identifier } = algorithmOf(key);
  const publicKey = asn1.fromBER(createPublicKey(key).export({ type: 'spki', format: 'der' })).result;
  const info = sequence(new asn1.Integer({ value: 0 }), subject(commonName), publicKey, attributes(dnsNames));
  const signature = await signData(hash, Buffer.from(info.toBER()), key);
  return Buffer.from(sequence(info, identifier, new asn1.BitString({ valueHex: signature })).toBER());
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

function subject(commonName: string | undefined): asn1.Sequence {
  if (commonName === undefined) return sequence();
  const attribute = sequence(objectId(COMMON_NAME), new asn1.Utf8String({ value: commonName }));
  return sequence(new asn1.Set({ value: [attribute] }));
}

function attributes(dnsNames: readonly string[]): asn1.Constructed {
  // GeneralName dNSName [2] IA5String (RFC 5280 §4.2.1.6).
  const idBlock = { tagClass: CONTEXT_SPECIFIC, tagNumber: 2 };
  const names = dnsNames.map((name) => new asn1.Primitive({ idBlock, valueHex: Buffer.from(name, 'ascii') }));
  const altName = sequence(objectId(SUBJECT_ALT_NAME), new asn1.OctetString({ valueHex: sequence(...names).toBER() }));
  const request = sequence(objectId(EXTENSION_REQUEST), new asn1.Set({ value: [sequence(altName)] }));
  return new asn1.Constructed({ idBlock: { tagClass: CONTEXT_SPECIFIC, tagNumber: 0 }, value: [request] });
}

function sequence(...value: asn1.BaseBlock[]): asn1.Sequence {
  return new asn1.Sequence({ value });
}

function objectId(value: string): asn1.ObjectIdentifier {
  return new asn1.ObjectIdentifier({ value });
}
