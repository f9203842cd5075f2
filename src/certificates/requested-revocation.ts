/** An operator's request to revoke one certificate (`certman revoke`), as the record of its bundle has it. Pure. */
import type { CertificateFacts, IssuedCertificate } from './certificate-facts.ts';
import { type CrlReason, crlReasonName } from './crl-reason.ts';
import type { ScheduledRetry } from './scheduled-retry.ts';

/** Of one bundle: those that are settled make room. */
export const MAX_REQUESTED_REVOCATIONS = 5;

/** How a request ended. */
export interface RevocationResult {
  /** As the activity has it; `unknown`: the bundle has no such certificate. */
  readonly outcome: string;
  readonly message: string;
  /** RFC 3339. */
  readonly at: string;
}

/** One request. Instants are RFC 3339. */
export interface RequestedRevocation {
  readonly serialNumber: string;
  readonly reason: CrlReason;
  /** A certificate in use is replaced before. */
  readonly replaceFirst: boolean;
  /** Milliseconds from the replacement on, in which Hive brings the new one to the cluster. */
  readonly delayMs: number;
  readonly requestedAt: string;
  /** When it is revoked, once it was replaced. */
  readonly revokeAt?: string;
  /** The last attempt at the revocation, if it failed. */
  readonly retry?: ScheduledRetry;
  readonly result?: RevocationResult;
}

/** What a bundle knows of its certificates. */
export interface KnownCertificates {
  readonly certificate?: CertificateFacts;
  readonly issued: readonly IssuedCertificate[];
  readonly revocations?: readonly RequestedRevocation[];
}

/** Requests that are not settled. */
export function pendingRevocations({
  revocations = [],
}: Pick<KnownCertificates, 'revocations'>): readonly RequestedRevocation[] {
  return revocations.filter(({ result }) => result === undefined);
}

/** The certificate in use that is replaced so that it can be revoked; undefined: none is. */
export function toReplaceFirst(known: KnownCertificates): RequestedRevocation | undefined {
  const inUse = known.certificate?.serialNumber;
  return pendingRevocations(known).find(({ serialNumber, replaceFirst }) => replaceFirst && serialNumber === inUse);
}

/** Whether that one was revoked. */
export function isRevoked({ result }: RequestedRevocation): boolean {
  return result?.outcome === 'revoked' || result?.outcome === 'alreadyRevoked';
}

/** Expiry of one of the bundle's certificates (RFC 3339); undefined: the bundle has none with this serial number. */
export function expiryOf({ certificate, issued }: KnownCertificates, serialNumber: string): string | undefined {
  const known = [...(certificate === undefined ? [] : [certificate]), ...issued];
  return known.find((one) => one.serialNumber === serialNumber)?.notAfter;
}

/** Whether a request for a certificate has a place: in that of one for the same, or of a settled one. */
export function mayAddRevocation(revocations: readonly RequestedRevocation[], serialNumber: string): boolean {
  const others = revocations.filter((one) => one.serialNumber !== serialNumber);
  return pendingRevocations({ revocations: others }).length < MAX_REQUESTED_REVOCATIONS;
}

/** The requests with `added`: in the place of one for the same certificate; the oldest settled ones make room. */
export function withRevocation(
  revocations: readonly RequestedRevocation[],
  added: RequestedRevocation,
): readonly RequestedRevocation[] {
  const others = revocations.filter(({ serialNumber }) => serialNumber !== added.serialNumber);
  const excess = others.length + 1 - MAX_REQUESTED_REVOCATIONS;
  const dropped = new Set(others.filter(({ result }) => result !== undefined).slice(0, Math.max(0, excess)));
  return [...others.filter((one) => !dropped.has(one)), added];
}

/** What people read of it, as a sentence or two. */
export function revocationMessage(revocation: RequestedRevocation): string {
  const { serialNumber, reason, replaceFirst, requestedAt, revokeAt, retry, result } = revocation;
  const asked = `An operator requested at ${requestedAt} to revoke certificate ${serialNumber} (${crlReasonName(reason)})`;
  if (result !== undefined)
    return isRevoked(revocation)
      ? `Certificate ${serialNumber} was revoked at ${result.at} (${crlReasonName(reason)}), as an operator requested.`
      : `${asked}: it is not revoked. ${result.message}`;
  if (retry !== undefined)
    return `${asked}: ${retry.failure.message} Attempt ${retry.attempts} failed; the next one is at ${retry.nextAttempt}.`;
  if (revokeAt !== undefined) return `${asked}: it is replaced, and revoked at ${revokeAt}.`;
  return `${asked}${replaceFirst ? '; it is replaced first, where it is in use' : ''}.`;
}
