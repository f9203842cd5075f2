/** An operator's request for a renewal (`certman renew`): kept until another certificate is in the Secret, or it expires. Pure. */
import type { CertificateFacts } from './certificate-facts.ts';

/** A week: in that time, the CA's limit for one exact set of names allows another certificate. */
export const RENEWAL_REQUEST_LIFETIME_MS = 7 * 86_400_000;

/** Instants are RFC 3339. */
export interface RenewalRequest {
  readonly requestedAt: string;
  /** When no more attempts are made for it. */
  readonly until: string;
  /** Of the certificate that is to be replaced; absent: there was none. */
  readonly serialNumber?: string;
  /** It has expired: the message of the last failed attempt. */
  readonly expired?: string;
  /** An operator has withdrawn it: when. */
  readonly withdrawnAt?: string;
}

/** A request at `now` (epoch milliseconds). One that is kept already lasts longer: there is never more than one. */
export function requestRenewal(
  kept: RenewalRequest | undefined,
  certificate: CertificateFacts | undefined,
  now: number,
): RenewalRequest {
  const requestedAt = isPending(kept) ? kept.requestedAt : new Date(now).toISOString();
  const until = new Date(now + RENEWAL_REQUEST_LIFETIME_MS).toISOString();
  return { requestedAt, until, serialNumber: certificate?.serialNumber };
}

/** Whether attempts are made for it. */
export function isPending(request: RenewalRequest | undefined): request is RenewalRequest {
  return request !== undefined && request.expired === undefined && request.withdrawnAt === undefined;
}

/** The same, withdrawn at `now` (epoch milliseconds). */
export function withdrawn(request: RenewalRequest, now: number): RenewalRequest {
  return { ...request, withdrawnAt: new Date(now).toISOString() };
}

/** As a condition reason. */
export function renewalRequestReason(request: RenewalRequest): 'Requested' | 'RequestExpired' | 'RequestWithdrawn' {
  if (request.withdrawnAt !== undefined) return 'RequestWithdrawn';
  return isPending(request) ? 'Requested' : 'RequestExpired';
}

/** What is left of it once `certificate` is in the Secret: another one fulfils it, also one that a person put there. */
export function withoutFulfilled(
  request: RenewalRequest | undefined,
  certificate: CertificateFacts | undefined,
): RenewalRequest | undefined {
  return certificate === undefined || certificate.serialNumber === request?.serialNumber ? request : undefined;
}

/** What people read of it, as a sentence. */
export function renewalRequestMessage({ requestedAt, until, expired, withdrawnAt }: RenewalRequest): string {
  if (withdrawnAt !== undefined)
    return `The renewal that an operator requested at ${requestedAt} was withdrawn at ${withdrawnAt}. To request it again: certman renew.`;
  if (expired === undefined)
    return `An operator requested a renewal at ${requestedAt}: it is attempted until ${until}, or until another certificate is in the Secret.`;
  return `The renewal that an operator requested at ${requestedAt} expired at ${until}. The last attempt: ${expired} To request it again: certman renew.`;
}
