import type { X509Certificate } from 'node:crypto';
import type { CertificateFacts } from '../../certificates/certificate-facts.ts';
import { oneLine } from '../../failures/printable.ts';
import { serialNumberOf } from '../../x509/certificate.ts';
import { ariCertId, crlUrlOf } from '../../x509/certificate-extensions.ts';
import { toRfc3339 } from './timestamp.ts';

/** An issuer's DN can have any length; a CN has at most 64 characters (RFC 5280 appendix A). */
const MAX_ISSUER_LENGTH = 256;

/** What certman decides by of a certificate that `decodeCertificate` returned. */
export function certificateFacts(leaf: X509Certificate): CertificateFacts {
  return {
    serialNumber: serialNumberOf(leaf),
    issuerName: oneLine(commonName(leaf.issuer) ?? leaf.issuer.replaceAll('\n', ', '), MAX_ISSUER_LENGTH),
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
