import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { CertificateFacts, SecretObservation } from '../../certificates/certificate-facts.ts';
import { ariCertId, crlUrlOf } from '../../x509/certificate-extensions.ts';
import { readSecretText } from './secret-data.ts';
import { toRfc3339 } from './timestamp.ts';

/** `chainPem` and `certificate` are there whenever the certificate itself can be parsed. */
export type TlsData =
  | {
      readonly kind: 'broken';
      readonly message: string;
      /** Certificate and key are each valid, but not a pair. */
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

/** Checks a `kubernetes.io/tls` Secret. @param data as the API sent it (base64 by entry). */
export function parseTlsData(data: unknown): TlsData {
  const chain = readSecretText(data, 'tls.crt');
  if (chain.kind !== 'text') return broken(chain.why);
  const leaf = parseLeaf(chain.text);
  if (leaf === undefined) return broken('tls.crt is not a certificate in PEM');
  const parsed = { chainPem: chain.text, certificate: certificateFacts(leaf) };
  const key = readSecretText(data, 'tls.key');
  if (key.kind !== 'text') return broken(key.why, parsed);
  const matches = keyMatches(leaf, key.text);
  if (matches === undefined) return broken('tls.key is not a private key in PEM', parsed);
  if (!matches) {
    return broken('tls.key is not the key of the certificate in tls.crt', { ...parsed, keyMismatch: true });
  }
  return { kind: 'valid', keyPem: key.text, ...parsed };
}

function broken(message: string, parsed: Omit<TlsData & { kind: 'broken' }, 'kind' | 'message'> = {}): TlsData {
  return { kind: 'broken', message: `${message}.`, ...parsed };
}

/** What a workflow may know of a Secret: no key, no PEM. */
export function observationOf(secret: TlsData | { readonly kind: 'missing' }): SecretObservation {
  if (secret.kind === 'missing') return { kind: 'missing' };
  if (secret.kind === 'valid') return { kind: 'valid', certificate: secret.certificate };
  return { kind: 'broken', message: secret.message, keyMismatch: secret.keyMismatch };
}

function parseLeaf(chainPem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(chainPem);
  } catch {
    // Node gives one reason for all of them.
    return undefined;
  }
}

function keyMatches(leaf: X509Certificate, keyPem: string): boolean | undefined {
  try {
    return leaf.checkPrivateKey(createPrivateKey(keyPem));
  } catch {
    // OpenSSL's reason can quote the input, so it is dropped.
    return undefined;
  }
}

/** What certman decides by of a certificate. */
export function certificateFacts(leaf: X509Certificate): CertificateFacts {
  return {
    serialNumber: BigInt(`0x${leaf.serialNumber}`).toString(10),
    issuerName: commonName(leaf.issuer) ?? leaf.issuer.replaceAll('\n', ', '),
    notBefore: toRfc3339(leaf.validFromDate),
    notAfter: toRfc3339(leaf.validToDate),
    dnsNames: dnsNames(leaf.subjectAltName ?? ''),
    fingerprint: leaf.fingerprint256.replaceAll(':', '').toLowerCase(),
    certId: ariCertId(leaf.raw),
    crlUrl: crlUrlOf(leaf.raw),
  };
}

/** Node prints a DN one attribute a line: `C=US\nO=Let's Encrypt\nCN=R11`. */
function commonName(dn: string): string | undefined {
  return dn
    .split('\n')
    .find((line) => line.startsWith('CN='))
    ?.slice('CN='.length);
}

/** Node prints `DNS:a.example, DNS:*.b.example`; a name that needs quoting is a JSON string and no host name. */
function dnsNames(subjectAltName: string): readonly string[] {
  return subjectAltName
    .split(', ')
    .filter((part) => part.startsWith('DNS:'))
    .map((part) => part.slice('DNS:'.length).toLowerCase());
}
