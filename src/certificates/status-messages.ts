/** The wording of a bundle's state: conditions, Events, Web UI and CLI show the same sentences. Pure. */
import type { FailureInfo } from '../failures/failure.ts';
import type { CertificateFacts } from './certificate-facts.ts';

/** Converts a failure code to a condition reason, which is CamelCase: `acme/rateLimited` → `AcmeRateLimited`. */
export function conditionReason(code: string): string {
  return code
    .split('/')
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join('');
}

/** The message for the Web UI and the CLI: also says when the resources could not be updated. */
export function summaryMessage(bundle: { readonly message: string; readonly statusWriteError?: string }): string {
  const { message, statusWriteError } = bundle;
  return statusWriteError === undefined ? message : `${message} (The status could not be written: ${statusWriteError})`;
}

/** What failed, what to do, and when the next attempt is. */
export function failureMessage(failure: FailureInfo, failedAttempts: number, nextAttempt: string | undefined): string {
  const { message, remedy, code, retry } = failure;
  const orOnChange = retry === 'onChange' ? ', or as soon as what it depends on changes' : '';
  const next =
    nextAttempt === undefined || code === 'rateLimit/exactSet'
      ? undefined
      : `Attempt ${failedAttempts} failed; the next one is at ${nextAttempt}${orOnChange}.`;
  return [message, remedy, next].filter((part) => part !== undefined).join(' ');
}

/** A decommission that fails: of a deleted cluster, or of a bundle that was removed from a cluster. */
export interface BlockedDecommission {
  readonly of: 'cluster' | 'bundle';
  /** Epoch milliseconds after which it is abandoned; infinite: never. */
  readonly deadline: number;
}

/** What blocks a decommission, when it is retried, and what happens at its deadline. */
export function blockedMessage(
  failure: FailureInfo,
  failedAttempts: number,
  nextAttempt: string,
  { of, deadline }: BlockedDecommission,
): string {
  const abandoned = of === 'cluster' ? 'the finalizer is released without it' : 'the bundle is given up without it';
  const otherwise = Number.isFinite(deadline)
    ? `If it cannot be done by ${new Date(deadline).toISOString()}, ${abandoned}.`
    : `It is tried until it can be done; to let the ${of} go without it: certman release.`;
  return `${failureMessage(failure, failedAttempts, nextAttempt)} ${otherwise}`;
}

/** When the certificate expires or expired. @param now epoch milliseconds. */
export function expiryMessage({ notAfter }: CertificateFacts, now: number): string {
  return `The certificate ${Date.parse(notAfter) <= now ? 'expired' : 'expires'} at ${notAfter}.`;
}
