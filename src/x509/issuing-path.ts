import { createHash, type X509Certificate } from 'node:crypto';
import { issuerOf, subjectOf } from './certificate.ts';

/** Who issued a certificate, up to the root that its chain is sent for. */
export interface IssuingPath {
  /** Hex; the same for each certificate whose clients need to know the same keys and the same root. */
  readonly id: string;
  /** For people: `YE2 (ISRG Root X2)`. */
  readonly name: string;
}

/** Of 32 bytes; long enough that no two paths share it. */
const ID_LENGTH = 16;

/**
 * Identifies the issuers of a chain, its leaf first, by their public keys and the name of the root. Not by names alone: a
 * cross-signed intermediate keeps its name and key, and leads to another root.
 * @param chain not empty; each certificate signed by the next.
 */
export function issuingPathOf(chain: readonly X509Certificate[]): IssuingPath {
  const [leaf, ...issuers] = chain;
  const last = chain.at(-1);
  if (leaf === undefined || last === undefined) throw new TypeError('a chain has at least one certificate');
  const hash = createHash('sha256');
  for (const { publicKey } of issuers) hash.update(publicKey.export({ type: 'spki', format: 'der' }));
  hash.update(last.issuer);
  const first = issuers[0] === undefined ? issuerOf(leaf) : subjectOf(issuers[0]);
  const name = withoutPrefix(first);
  const root = withoutPrefix(issuerOf(last));
  const id = hash.digest('hex').slice(0, ID_LENGTH);
  return { id, name: name === root ? name : `${name} (${root})` };
}

/** Whether a certificate was issued by the first issuer of a chain: by its signature. */
export function isFromSameIssuer(certificate: X509Certificate, chain: readonly X509Certificate[]): boolean {
  const [, issuer] = chain;
  return issuer !== undefined && certificate.verify(issuer.publicKey);
}

function withoutPrefix(name: string): string {
  return name.replace(/^CN=/, '');
}
