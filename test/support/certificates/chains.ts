/** Chains with the faults that a test sets, signed by real keys (RFC 5280). */
import { createPrivateKey, type KeyObject, X509Certificate as NodeCertificate, webcrypto } from 'node:crypto';
import { AsnConvert } from '@peculiar/asn1-schema';
import {
  GeneralName,
  GeneralSubtree,
  GeneralSubtrees,
  id_ce_nameConstraints,
  NameConstraints,
} from '@peculiar/asn1-x509';
import {
  BasicConstraintsExtension,
  CRLDistributionPointsExtension,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  X509CrlGenerator,
} from '@peculiar/x509';

const DAY_MS = 86_400_000;
export const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
export const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

const KEYS = {
  'p-256': { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  'rsa-1024': {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    publicExponent: new Uint8Array([1, 0, 1]),
    modulusLength: 1024,
  },
} as const;

export interface MadeCertificate {
  readonly name: string;
  readonly certificate: NodeCertificate;
  readonly pem: string;
  readonly keys: webcrypto.CryptoKeyPair;
  readonly key: KeyObject;
  readonly keyPem: string;
  /** Signed CRL, DER. @param serials hex. */
  crl(serials: readonly string[], nextUpdate?: Date): Promise<Buffer>;
}

export interface CertificateOptions {
  readonly name: string;
  /** Default: itself. */
  readonly issuer?: MadeCertificate;
  /** Hex. */
  readonly serialHex?: string;
  /** Number of CA certificates allowed below; default: any. */
  readonly pathLength?: number;
  readonly isCa?: boolean;
  /** By its key usage. Default: as a CA. */
  readonly mayCertSign?: boolean;
  /** Default: no extension. */
  readonly extendedUsages?: readonly string[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly dnsNames?: readonly string[];
  /** Domain that names below are limited to. */
  readonly permitted?: string;
  readonly crlUrl?: string;
  /** Default: a new one. */
  readonly keysOf?: MadeCertificate;
  readonly keyType?: keyof typeof KEYS;
  /** Of the signature. Default SHA-256. */
  readonly hash?: string;
}

let made = 16;

/** Creates a certificate. */
export async function makeCertificate(options: CertificateOptions): Promise<MadeCertificate> {
  const { name, issuer, dnsNames = [], extendedUsages, permitted, crlUrl, isCa = dnsNames.length === 0 } = options;
  const keys = options.keysOf?.keys ?? (await generate(options.keyType ?? 'p-256'));
  const signer = issuer?.keys ?? keys;
  const signing = new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true);
  const other = new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true);
  const algorithm = signer.privateKey.algorithm as { readonly name: string; readonly hash?: unknown };
  const certificate = await X509CertificateGenerator.create({
    serialNumber: options.serialHex ?? (made += 1).toString(16),
    subject: `CN=${name}`,
    issuer: `CN=${issuer?.name ?? name}`,
    notBefore: options.notBefore ?? new Date(Date.now() - DAY_MS),
    notAfter: options.notAfter ?? new Date(Date.now() + 89 * DAY_MS),
    publicKey: keys.publicKey,
    signingKey: signer.privateKey,
    signingAlgorithm: { name: algorithm.name, hash: options.hash ?? 'SHA-256' },
    extensions: [
      new BasicConstraintsExtension(isCa, options.pathLength, true),
      (options.mayCertSign ?? isCa) ? signing : other,
      ...(extendedUsages === undefined ? [] : [new ExtendedKeyUsageExtension([...extendedUsages])]),
      ...(dnsNames.length === 0
        ? []
        : [new SubjectAlternativeNameExtension(dnsNames.map((value) => ({ type: 'dns' as const, value })))]),
      ...(permitted === undefined ? [] : [new Extension(id_ce_nameConstraints, true, nameConstraints(permitted))]),
      ...(crlUrl === undefined ? [] : [new CRLDistributionPointsExtension([crlUrl])]),
    ],
  });
  const pem = `${certificate.toString('pem')}\n`;
  const keyPem = `${PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY')}\n`;
  return {
    name,
    certificate: new NodeCertificate(pem),
    pem,
    keys,
    keyPem,
    key: createPrivateKey(keyPem),
    crl: async (serials, nextUpdate = new Date(Date.now() + DAY_MS)) => {
      const list = await X509CrlGenerator.create({
        issuer: `CN=${name}`,
        thisUpdate: new Date(Date.now() - DAY_MS),
        nextUpdate,
        entries: serials.map((serialNumber) => ({ serialNumber, revocationDate: new Date(Date.now() - DAY_MS) })),
        signingAlgorithm: { name: algorithm.name, hash: 'SHA-256' },
        signingKey: keys.privateKey,
      });
      return Buffer.from(list.rawData);
    },
  };
}

async function generate(type: keyof typeof KEYS): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(KEYS[type], true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
}

function nameConstraints(permitted: string): ArrayBuffer {
  const subtree = new GeneralSubtree({ base: new GeneralName({ dNSName: permitted }) });
  return AsnConvert.serialize(new NameConstraints({ permittedSubtrees: new GeneralSubtrees([subtree]) }));
}

/** PEM of a chain in this order. */
export function pemOf(...chain: readonly MadeCertificate[]): string {
  return chain.map(({ pem }) => pem).join('');
}
