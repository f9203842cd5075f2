/** An operator's request to revoke one certificate (`certman revoke`), as the record of its bundle has it. Pure. */
import type { CertificateFacts, IssuedCertificate } from './certificate-facts.ts';
import { type CrlReason, crlReasonName } from './crl-reason.ts';
import type { ScheduledRetry } from './scheduled-retry.ts';

/** Of one bundle: those that are settled make room. */
export const MAX_REQUESTED_REVOCATIONS = 5;

/** So long, a revocation that is due waits for a cluster that still serves another certificate than the new one. */
const MAX_SERVED_WAIT_MS = 24 * 3_600_000;

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
  /** When it was found to be replaced, where that is waited for. */
  readonly replacedAt?: string;
  /** Why the revocation, which was due, waits for the cluster: a sentence. */
  readonly stillServed?: string;
  /** When it is revoked, once it was replaced, or when the cluster is looked at again. */
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

/** The same with its instant, once the certificate was found to be replaced at `now` (epoch milliseconds). */
export function replacedOne(revocation: RequestedRevocation, now: number): RequestedRevocation {
  const replacedAt = new Date(now).toISOString();
  return { ...revocation, replacedAt, revokeAt: new Date(now + revocation.delayMs).toISOString() };
}

/** The same where the certificate is in use again: it is replaced once more. */
export function notReplaced(revocation: RequestedRevocation): RequestedRevocation {
  return { ...revocation, replacedAt: undefined, revokeAt: undefined, stillServed: undefined, retry: undefined };
}

/** The same where another workflow says when it was replaced, and when it is revoked: never later than could be. @param now epoch milliseconds. */
export function withinTime(revocation: RequestedRevocation, now: number): RequestedRevocation {
  const { replacedAt, revokeAt, delayMs } = revocation;
  return {
    ...revocation,
    replacedAt: replacedAt && earlier(replacedAt, now),
    revokeAt: revokeAt && earlier(revokeAt, now + delayMs + MAX_SERVED_WAIT_MS),
  };
}

function earlier(instant: string, latest: number): string {
  return new Date(Math.min(Date.parse(instant), latest)).toISOString();
}

/** Until when a revocation that is due waits for the cluster (RFC 3339); undefined: it does not, as where it has no delay. */
export function latestRevocation({ replacedAt, delayMs }: RequestedRevocation): string | undefined {
  if (replacedAt === undefined || delayMs === 0) return undefined;
  return new Date(Date.parse(replacedAt) + delayMs + MAX_SERVED_WAIT_MS).toISOString();
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
  const { serialNumber, reason, replaceFirst, requestedAt, revokeAt, retry, stillServed, result } = revocation;
  const latestAt = latestRevocation(revocation);
  const asked = `An operator requested at ${requestedAt} to revoke certificate ${serialNumber} (${crlReasonName(reason)})`;
  if (result !== undefined)
    return isRevoked(revocation)
      ? `Certificate ${serialNumber} was revoked at ${result.at} (${crlReasonName(reason)}), as an operator requested.`
      : `${asked}: it is not revoked. ${result.message}`;
  if (retry !== undefined)
    return `${asked}: ${retry.failure.message} Attempt ${retry.attempts} failed; the next one is at ${retry.nextAttempt}.`;
  if (revokeAt !== undefined && latestAt !== undefined)
    return stillServed === undefined
      ? `${asked}: it is replaced, and revoked at ${revokeAt}, or once the cluster serves the new one, at ${latestAt} at the latest.`
      : `${asked}: it is replaced. ${stillServed} That is checked again at ${revokeAt}; it is revoked at ${latestAt} at the latest.`;
  if (revokeAt !== undefined) return `${asked}: it is replaced, and revoked at ${revokeAt}.`;
  return `${asked}${replaceFirst ? '; it is replaced first, where it is in use' : ''}.`;
}
