/** Judges what a `kubernetes.io/tls` Secret holds and reads the facts out of its certificate. No I/O. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { CertificateFacts, SecretObservation } from '../../certificates/certificate-facts.ts';
import { ariCertId, crlUrlOf } from '../../x509/certificate-extensions.ts';
import { readSecretText } from './secret-data.ts';

/** The judgement alone, with what could be read. */
export type TlsData =
  | {
      readonly kind: 'broken';
      readonly message: string;
      /** Both entries are what they should be, but not of one pair. */
      readonly keyMismatch?: true;
      readonly chainPem?: string;
      readonly certificate?: CertificateFacts;
    }
  | {
      readonly kind: 'valid';
      readonly chainPem: string;
      readonly keyPem: string;
      readonly certificate: CertificateFacts;
    };

/** @param data `data` of the Secret as the API sent it (base64 by entry). */
export function parseTlsData(data: unknown): TlsData {
  const chain = readSecretText(data, 'tls.crt');
  if (chain.kind !== 'text') return broken(chain.kind === 'absent' ? 'tls.crt is missing or empty' : chain.why);
  const leaf = parseLeaf(chain.text);
  if (leaf === undefined) return broken('tls.crt is not a certificate in PEM');
  const read = { chainPem: chain.text, certificate: factsOf(leaf) };
  const key = readSecretText(data, 'tls.key');
  if (key.kind !== 'text') return broken(key.kind === 'absent' ? 'tls.key is missing or empty' : key.why, read);
  const matches = keyMatches(leaf, key.text);
  if (matches === undefined) return broken('tls.key is not a private key in PEM', read);
  if (!matches) {
    return broken('tls.key is not the key of the certificate in tls.crt', { ...read, keyMismatch: true });
  }
  return { kind: 'valid', keyPem: key.text, ...read };
}

/** What a workflow may know of it: no key, no PEM. */
export function observationOf(
  secret:
    | { readonly kind: 'missing' }
    | { readonly kind: 'broken'; readonly message: string; readonly keyMismatch?: true }
    | { readonly kind: 'valid'; readonly certificate: CertificateFacts },
): SecretObservation {
  switch (secret.kind) {
    case 'missing':
      return { kind: 'missing' };
    case 'broken':
      return {
        kind: 'broken',
        message: secret.message,
        ...(secret.keyMismatch === undefined ? {} : { keyMismatch: secret.keyMismatch }),
      };
    case 'valid':
      return { kind: 'valid', certificate: secret.certificate };
  }
}

/** Facts of the first certificate of a PEM chain. @returns undefined when it is none. */
export function certificateFacts(chainPem: string): CertificateFacts | undefined {
  const leaf = parseLeaf(chainPem);
  return leaf === undefined ? undefined : factsOf(leaf);
}

function broken(message: string, read: Omit<TlsData & { kind: 'broken' }, 'kind' | 'message'> = {}): TlsData {
  return { kind: 'broken', message: `${message}.`, ...read };
}

function parseLeaf(chainPem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(chainPem);
  } catch {
    // Node tells apart no reasons here; the caller says that it is no certificate.
    return undefined;
  }
}

function keyMatches(leaf: X509Certificate, keyPem: string): boolean | undefined {
  try {
    return leaf.checkPrivateKey(createPrivateKey(keyPem));
  } catch {
    // OpenSSL's reason can quote the input, so it is not passed on.
    return undefined;
  }
}

function factsOf(leaf: X509Certificate): CertificateFacts {
  const certId = ariCertId(leaf.raw);
  const crlUrl = crlUrlOf(leaf.raw);
  return {
    serialNumber: BigInt(`0x${leaf.serialNumber}`).toString(10),
    issuerName: commonName(leaf.issuer) ?? leaf.issuer.replaceAll('\n', ', '),
    notBefore: rfc3339(leaf.validFromDate),
    notAfter: rfc3339(leaf.validToDate),
    dnsNames: dnsNames(leaf.subjectAltName),
    fingerprint: leaf.fingerprint256.replaceAll(':', '').toLowerCase(),
    ...(certId === undefined ? {} : { certId }),
    ...(crlUrl === undefined ? {} : { crlUrl }),
  };
}

/** Node prints a DN one attribute a line: `C=US\nO=Let's Encrypt\nCN=R11`. */
function commonName(dn: string): string | undefined {
  const line = dn.split('\n').find((part) => part.startsWith('CN='));
  return line?.slice('CN='.length);
}

/** Node prints `DNS:a.example, DNS:*.b.example`; a name that needs quoting is a JSON string and no host name. */
function dnsNames(subjectAltName: string | undefined): readonly string[] {
  if (subjectAltName === undefined) return [];
  return subjectAltName
    .split(', ')
    .filter((part) => part.startsWith('DNS:'))
    .map((part) => part.slice('DNS:'.length).toLowerCase());
}

/** To the second: X.509 knows no fractions (RFC 5280 §4.1.2.5). */
function rfc3339(date: Date): string {
  return date.toISOString().replace(/\.\d{3}Z$/, 'Z');
}
