/** Verifies a chain from a CA by rules that name the certificate that breaks one. Pure: no I/O, no clock. */

import type { KeyObject, X509Certificate } from 'node:crypto';
import { counted } from '../failures/counted.ts';
import { issuerOf, subjectOf } from './certificate.ts';
import { pathLengthOf } from './certificate-extensions.ts';
import { isIssuedBy, isValidAt, type TrustStore } from './trust-store.ts';

/** Why a chain is refused, as metrics label it. */
export const CHAIN_REFUSAL_REASONS = [
  'wrongKey',
  'wrongNames',
  'wrongOrder',
  'issuerMissing',
  'noTrustedRoot',
  'notCa',
  'notYetValid',
  'expired',
  'expiresSoon',
  'notForServers',
  'weakKey',
  'weakSignature',
  'revoked',
  'refusedByClient',
  'notTrustedByHive',
  'malformed',
] as const;

/** One of {@link CHAIN_REFUSAL_REASONS}. */
export type ChainRefusalReason = (typeof CHAIN_REFUSAL_REASONS)[number];

/** What is wrong with a chain, and with which of its certificates. */
export interface ChainRefusal {
  readonly reason: ChainRefusalReason;
  /** Position of the certificate, 0 for the leaf; undefined: the chain as a whole. */
  readonly position?: number;
  /** A clause that names the certificate: `certificate 2 of 3 (CN=R11) expired at …`. */
  readonly message: string;
}

/** A chain that keeps every rule, or the first rule that it breaks. */
export type ChainVerdict =
  | { readonly refusal: ChainRefusal; readonly anchor?: undefined }
  /** `anchor`: the trusted certificate that the chain leads to; undefined where any is accepted. */
  | { readonly refusal?: undefined; readonly anchor: X509Certificate | undefined };

/** What a chain is verified against. */
export interface ChainExpectation {
  /** The key that the leaf was ordered for, private or public. */
  readonly key: KeyObject;
  readonly dnsNames: readonly string[];
  /** `any`: whatever the last certificate is; for a CA that no client trusts. */
  readonly trust: TrustStore | 'any';
  readonly now: Date;
}

/** Let's Encrypt's longest has four. */
const MAX_CERTIFICATES = 10;
/** Of every certificate, in lifetimes of the leaf: its replacement has to be ordered in time. */
const MIN_SHARE_LEFT = 1 / 10;
const MIN_RSA_BITS = 2048;

/** TLS servers (RFC 5280 §4.2.1.12). */
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
/** As Node.js names those that TLS clients accept. */
const CURVES = new Set(['prime256v1', 'secp384r1', 'secp521r1']);
/** RSA (RFC 4055 §3, §5), ECDSA (RFC 5758 §3.2) and Ed25519 (RFC 8410 §3): not with MD5 or SHA-1. */
const SIGNATURE_ALGORITHMS = new Set([
  '1.2.840.113549.1.1.10',
  '1.2.840.113549.1.1.11',
  '1.2.840.113549.1.1.12',
  '1.2.840.113549.1.1.13',
  '1.2.840.10045.4.3.2',
  '1.2.840.10045.4.3.3',
  '1.2.840.10045.4.3.4',
  '1.3.101.112',
]);

/**
 * Verifies a chain, its leaf first, as the strictest of TLS clients: all that a server sends, not only the path that a client
 * may find. @returns the first refusal: the leaf, the order, each certificate by itself, the root, the time left.
 */
export function verifyChain(chain: readonly X509Certificate[], expected: ChainExpectation): ChainVerdict {
  if (chain.length === 0 || chain.length > MAX_CERTIFICATES) {
    return { refusal: { reason: 'malformed', message: `it has ${counted(chain.length, 'certificate')}` } };
  }
  const broken = wrongLeaf(chain, expected) ?? brokenLink(chain, expected) ?? unfitCertificate(chain, expected);
  if (broken !== undefined) return { refusal: broken };
  const anchor = expected.trust === 'any' ? undefined : anchorOf(chain, expected.trust, expected.now);
  const untrusted = anchor === undefined ? withoutRoot(chain, expected) : undefined;
  const refusal = untrusted ?? endsSoon(chain, expected.now);
  return refusal === undefined ? { anchor } : { refusal };
}

/**
 * Why clients refuse the chain that a server presents, whose key the handshake has proved; undefined: they do not. How long
 * it is valid yet does not count.
 */
export function refusalOfPresented(
  chain: readonly X509Certificate[],
  { trust, now }: Pick<ChainExpectation, 'trust' | 'now'>,
): ChainRefusal | undefined {
  const broken = brokenLink(chain, { trust, now }) ?? unfitCertificate(chain, { now });
  if (broken !== undefined) return broken;
  return trust !== 'any' && anchorOf(chain, trust, now) !== undefined ? undefined : withoutRoot(chain, { trust });
}

/** The trusted certificate that a chain leads to, each signed by the next; undefined where it does not. */
export function trustedPathOf(
  chain: readonly X509Certificate[],
  trust: TrustStore,
  now: Date,
): X509Certificate | undefined {
  if (chain.length > MAX_CERTIFICATES || brokenLink(chain, { trust, now }) !== undefined) return undefined;
  return anchorOf(chain, trust, now);
}

/**
 * Why Hive would not connect to a server with this chain, which keeps every rule; undefined: it would. Go's clients stop at any
 * certificate of their pool, a root or not, as {@link TrustStore} does.
 * @param secret the Secret that has the certificates which Hive trusts.
 */
export function refusalByHive(
  chain: readonly X509Certificate[],
  trust: TrustStore,
  secret: string,
  now: Date,
): ChainRefusal | undefined {
  const [last] = chain.slice(-1);
  if (last === undefined || anchorOf(chain, trust, now) !== undefined) return undefined;
  const what = isSelfSigned(last) ? 'is a root that' : `was signed by "${issuerOf(last)}", which`;
  return refusalOf(
    chain,
    chain.length - 1,
    'notTrustedByHive',
    `${what} Hive does not trust, by the kubeconfig in Secret ${secret}: it would find the cluster Unreachable ("x509: certificate signed by unknown authority")`,
  );
}

/** The trusted issuer of a chain's last certificate: behind a trusted path, it is another one than the path leads to. */
export function lastIssuerOf(
  chain: readonly X509Certificate[],
  trust: ChainExpectation['trust'],
  now: Date,
): X509Certificate | undefined {
  const [last] = chain.slice(-1);
  return last === undefined || trust === 'any' ? undefined : trust.issuerOf(last, now);
}

/** A refusal because of one certificate of a chain. @param what completes a clause that begins with the certificate. */
export function refusalOf(
  chain: readonly X509Certificate[],
  position: number,
  reason: ChainRefusalReason,
  what: string,
): ChainRefusal {
  return { reason, position, message: `${nameOf(chain, position)} ${what}` };
}

function nameOf(chain: readonly X509Certificate[], position: number): string {
  const certificate = chain[position];
  return `certificate ${position + 1} of ${chain.length} (${certificate === undefined ? '' : subjectOf(certificate)})`;
}

function wrongLeaf(chain: readonly X509Certificate[], { key, dnsNames }: ChainExpectation): ChainRefusal | undefined {
  const [leaf] = chain;
  if (leaf?.checkPrivateKey(key) !== true) {
    const at = chain.findIndex((certificate) => certificate.checkPrivateKey(key));
    if (at === -1) return refusalOf(chain, 0, 'wrongKey', 'is for another key than the staged one');
    return refusalOf(chain, at, 'wrongOrder', 'is the one that was ordered, but does not come first');
  }
  const covered = new Set(leaf.subjectAltName?.toLowerCase().split(', '));
  const missing = dnsNames.filter((name) => !covered.has(`dns:${name.toLowerCase()}`));
  if (missing.length === 0) return undefined;
  return refusalOf(chain, 0, 'wrongNames', `does not cover ${missing.join(', ')}`);
}

/** Each certificate has to be signed by the next one (RFC 8555 §9.1: as RFC 8446 §4.4.2 requires of servers). */
function brokenLink(
  chain: readonly X509Certificate[],
  { trust, now }: Pick<ChainExpectation, 'trust' | 'now'>,
): ChainRefusal | undefined {
  // Also without keyCertSign (RFC 5280 §4.2.1.3).
  const noCa = chain.findIndex((certificate, position) => position > 0 && !certificate.ca);
  if (noCa !== -1) return refusalOf(chain, noCa, 'notCa', 'may not sign certificates, and so none before it');
  for (const [position, certificate] of chain.entries()) {
    const next = chain[position + 1];
    if (next === undefined || isIssuedBy(certificate, next)) continue;
    const issuer = chain.findIndex((other) => other !== certificate && isIssuedBy(certificate, other));
    if (issuer !== -1) {
      const what = `was signed by certificate ${issuer + 1}, which does not follow it`;
      return refusalOf(chain, position, 'wrongOrder', what);
    }
    if (trust !== 'any' && trust.issuerOf(certificate, now) !== undefined) {
      return refusalOf(chain, position + 1, 'wrongOrder', 'signed none of those before it');
    }
    const what = `was signed by "${issuerOf(certificate)}", which is not in the chain`;
    return refusalOf(chain, position, 'issuerMissing', what);
  }
  return undefined;
}

function unfitCertificate(
  chain: readonly X509Certificate[],
  { now }: Pick<ChainExpectation, 'now'>,
): ChainRefusal | undefined {
  for (const [position, certificate] of chain.entries()) {
    const unfit = misplaced(chain, position) ?? invalidAt(certificate, now) ?? unusable(certificate);
    if (unfit !== undefined) return refusalOf(chain, position, ...unfit);
  }
  return undefined;
}

type Finding = readonly [reason: ChainRefusalReason, what: string];

function misplaced(chain: readonly X509Certificate[], position: number): Finding | undefined {
  const certificate = chain[position];
  const allowed = position === 0 || certificate === undefined ? undefined : pathLengthOf(certificate.raw);
  if (allowed === undefined) return undefined;
  // Those that a CA issued for itself do not count (RFC 5280 §4.2.1.9).
  const below = chain.slice(1, position).filter(({ subject, issuer }) => subject !== issuer).length;
  if (below <= allowed) return undefined;
  return ['notCa', `allows ${allowed} CA certificates below it, and there are ${below}`];
}

function invalidAt(certificate: X509Certificate, now: Date): Finding | undefined {
  if (isValidAt(certificate, now)) return undefined;
  const { validFromDate, validToDate } = certificate;
  return validFromDate > now
    ? ['notYetValid', `is valid from ${validFromDate.toISOString()} only`]
    : ['expired', `expired at ${validToDate.toISOString()}`];
}

function unusable(certificate: X509Certificate): Finding | undefined {
  const { signatureAlgorithm = 'unknown', signatureAlgorithmOid } = certificate;
  // Not of a root: nothing depends on what it says of itself.
  if (!SIGNATURE_ALGORITHMS.has(signatureAlgorithmOid) && !isSelfSigned(certificate)) {
    return ['weakSignature', `is signed by ${signatureAlgorithm}, which clients do not accept`];
  }
  const weakness = weaknessOf(certificate.publicKey);
  if (weakness !== undefined) return ['weakKey', `has a key that clients do not accept: ${weakness}`];
  // Node.js calls the extended key usage so.
  const { keyUsage: usages } = certificate as { readonly keyUsage?: readonly string[] };
  if (usages === undefined || usages.includes(SERVER_AUTH)) return undefined;
  return ['notForServers', 'has an extended key usage without serverAuth'];
}

function weaknessOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string | undefined {
  const { modulusLength = 0, namedCurve = 'unknown' } = asymmetricKeyDetails ?? {};
  if (asymmetricKeyType === 'rsa') return modulusLength < MIN_RSA_BITS ? `RSA of ${modulusLength} bits` : undefined;
  if (asymmetricKeyType === 'ec') return CURVES.has(namedCurve) ? undefined : `EC on the curve ${namedCurve}`;
  return asymmetricKeyType === 'ed25519' ? undefined : `of type ${asymmetricKeyType ?? 'unknown'}`;
}

function isSelfSigned(certificate: X509Certificate): boolean {
  return isIssuedBy(certificate, certificate);
}

/** Clients stop at the first certificate that they trust. */
function anchorOf(chain: readonly X509Certificate[], trust: TrustStore, now: Date): X509Certificate | undefined {
  for (const [position, certificate] of chain.entries()) {
    if (position > 0 && trust.has(certificate)) return certificate;
    const issuer = trust.issuerOf(certificate, now);
    if (issuer !== undefined) return issuer;
  }
  return undefined;
}

function withoutRoot(
  chain: readonly X509Certificate[],
  { trust }: Pick<ChainExpectation, 'trust'>,
): ChainRefusal | undefined {
  const position = chain.length - 1;
  const [last] = chain.slice(-1);
  if (last === undefined) return undefined;
  if (trust === 'any') {
    if (position > 0) return undefined;
    return refusalOf(chain, 0, 'issuerMissing', `came alone, without that of its issuer "${issuerOf(last)}"`);
  }
  const what = isSelfSigned(last)
    ? 'is a root that is not trusted'
    : `was signed by "${issuerOf(last)}", which is neither in the chain nor a trusted root`;
  return refusalOf(chain, position, 'noTrustedRoot', what);
}

function endsSoon(chain: readonly X509Certificate[], now: Date): ChainRefusal | undefined {
  const [leaf] = chain;
  if (leaf === undefined) return undefined;
  const lifetimeMs = leaf.validToDate.getTime() - leaf.validFromDate.getTime();
  const earliest = now.getTime() + lifetimeMs * MIN_SHARE_LEFT;
  const position = chain.findIndex(({ validToDate }) => validToDate.getTime() < earliest);
  if (position === -1) return undefined;
  const end = chain[position]?.validToDate.toISOString();
  return refusalOf(chain, position, 'expiresSoon', `expires at ${end}, within a tenth of the leaf's lifetime`);
}
