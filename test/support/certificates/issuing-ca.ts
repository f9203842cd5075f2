/** A CA that does what Pebble does not: certificates with a CRL distribution point, and CRLs (RFC 5280 §5). */
import { webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  CRLDistributionPointsExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  type X509Certificate,
  X509CertificateGenerator,
  X509CrlGenerator,
} from '@peculiar/x509';

const ALGORITHMS = {
  ecdsa: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  rsa: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', publicExponent: new Uint8Array([1, 0, 1]), modulusLength: 2048 },
} as const;

const VALIDITY = { notBefore: new Date('2026-01-01T00:00:00Z'), notAfter: new Date('2126-01-01T00:00:00Z') };

export interface IssueOptions {
  /** Hex, as encoded in DER: with a leading zero octet where the first bit would be set. */
  readonly serialHex: string;
  readonly crlUrl?: string;
  readonly dnsNames?: readonly string[];
  readonly extensions?: readonly Extension[];
  /** Default: the century of the CA. */
  readonly validity?: { readonly notBefore: Date; readonly notAfter: Date };
}

export interface IssuedKeyPair {
  /** The certificate followed by that of its CA. */
  readonly chainPem: string;
  readonly leafPem: string;
  readonly keyPem: string;
}

export interface CrlOptions {
  /** Hex, as encoded in DER. */
  readonly serials?: readonly string[];
  readonly nextUpdate?: Date;
  /** In addition to the authority key identifier. */
  readonly extensions?: readonly Extension[];
}

export class IssuingCa {
  readonly #keys: webcrypto.CryptoKeyPair;
  readonly #algorithm: (typeof ALGORITHMS)[keyof typeof ALGORITHMS];
  readonly #certificate: X509Certificate;

  static async create(commonName = 'Test R99', key: keyof typeof ALGORITHMS = 'ecdsa'): Promise<IssuingCa> {
    const algorithm = ALGORITHMS[key];
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const certificate = await X509CertificateGenerator.createSelfSigned({
      ...VALIDITY,
      signingAlgorithm: algorithm,
      serialNumber: '01',
      name: `CN=${commonName}`,
      keys,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    return new IssuingCa(keys, algorithm, certificate);
  }

  private constructor(
    keys: webcrypto.CryptoKeyPair,
    algorithm: (typeof ALGORITHMS)[keyof typeof ALGORITHMS],
    certificate: X509Certificate,
  ) {
    this.#keys = keys;
    this.#algorithm = algorithm;
    this.#certificate = certificate;
  }

  get certificatePem(): string {
    return `${this.#certificate.toString('pem')}\n`;
  }

  async issue(options: IssueOptions): Promise<IssuedKeyPair> {
    const { crlUrl, dnsNames = ['api.c1.example.com'], extensions = [], validity = VALIDITY } = options;
    const keys = await webcrypto.subtle.generateKey(ALGORITHMS.ecdsa, true, ['sign', 'verify']);
    const leaf = await X509CertificateGenerator.create({
      ...validity,
      signingAlgorithm: this.#algorithm,
      serialNumber: options.serialHex,
      subject: `CN=${dnsNames[0]}`,
      issuer: this.#certificate.subject,
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      extensions: [
        new SubjectAlternativeNameExtension(dnsNames.map((value) => ({ type: 'dns', value }))),
        await AuthorityKeyIdentifierExtension.create(this.#keys.publicKey),
        ...(crlUrl === undefined ? [] : [new CRLDistributionPointsExtension([crlUrl])]),
        ...extensions,
      ],
    });
    const leafPem = `${leaf.toString('pem')}\n`;
    const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
    return {
      leafPem,
      chainPem: leafPem + this.certificatePem,
      keyPem: `${PemConverter.encode(key, 'PRIVATE KEY')}\n`,
    };
  }

  /** @returns DER. */
  async crl(options: CrlOptions = {}): Promise<Buffer> {
    const { serials = [], nextUpdate = new Date(Date.now() + 9 * 86_400_000), extensions = [] } = options;
    const list = await X509CrlGenerator.create({
      issuer: this.#certificate.subject,
      thisUpdate: new Date('2026-01-02T00:00:00Z'),
      nextUpdate,
      entries: serials.map((serialNumber) => ({ serialNumber, revocationDate: new Date('2026-01-01T12:00:00Z') })),
      extensions: [await AuthorityKeyIdentifierExtension.create(this.#keys.publicKey), ...extensions],
      signingAlgorithm: this.#algorithm,
      signingKey: this.#keys.privateKey,
    });
    return Buffer.from(list.rawData);
  }
}
