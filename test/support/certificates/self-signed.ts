/** A self-signed certificate with its key, with the fields that a test sets (RFC 5280 §4.1). */
import { generateKeyPairSync, sign } from 'node:crypto';
import { bitString, objectIdentifier, octetString, sequence, setOf, tlv, utf8String } from './der-writer.ts';

export interface SelfSignedOptions {
  readonly dnsNames?: readonly string[];
  /** Lower-case hex, an even number of digits, first bit 0. */
  readonly serialHex?: string;
  /** Absent: the issuer has an O and no CN. */
  readonly issuerCommonName?: string;
  /** keyIdentifier of the authorityKeyIdentifier extension in hex; absent: no such extension. */
  readonly authorityKeyHex?: string;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

export interface SelfSigned {
  readonly chainPem: string;
  readonly keyPem: string;
}

const ECDSA_WITH_SHA256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'));

export function selfSigned(options: SelfSignedOptions = {}): SelfSigned {
  const {
    dnsNames = ['api.c1.example.com'],
    serialHex = '0102030405060708090a0b0c0d0e0f10',
    notBefore = new Date('2026-01-01T00:00:00Z'),
    notAfter = new Date('2026-04-01T00:00:00Z'),
  } = options;
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issuer =
    options.issuerCommonName === undefined
      ? distinguishedName('2.5.4.10', 'Nameless')
      : distinguishedName('2.5.4.3', options.issuerCommonName);
  const names = sequence(...dnsNames.map((name) => tlv(0x82, Buffer.from(name, 'ascii'))));
  const extensions = [sequence(objectIdentifier('2.5.29.17'), octetString(names))];
  if (options.authorityKeyHex !== undefined) {
    // KeyIdentifier [0] (RFC 5280 §4.2.1.1).
    const identifier = sequence(tlv(0x80, Buffer.from(options.authorityKeyHex, 'hex')));
    extensions.push(sequence(objectIdentifier('2.5.29.35'), octetString(identifier)));
  }
  const body = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))),
    tlv(0x02, Buffer.from(serialHex, 'hex')),
    ECDSA_WITH_SHA256,
    issuer,
    sequence(utcTime(notBefore), utcTime(notAfter)),
    distinguishedName('2.5.4.3', dnsNames[0] ?? 'nobody'),
    keys.publicKey.export({ type: 'spki', format: 'der' }),
    tlv(0xa3, sequence(...extensions)),
  );
  const certificate = sequence(body, ECDSA_WITH_SHA256, bitString(sign('sha256', body, keys.privateKey)));
  const lines = certificate.toString('base64').match(/.{1,64}/g) ?? [];
  return {
    chainPem: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
    keyPem: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function distinguishedName(attribute: string, text: string): Buffer {
  return sequence(setOf(sequence(objectIdentifier(attribute), utf8String(text))));
}

function utcTime(date: Date): Buffer {
  return tlv(0x17, Buffer.from(`${date.toISOString().slice(2, 19).replaceAll(/[-T:]/g, '')}Z`));
}
