/** The wording of a bundle's state: conditions, Events, Web UI and CLI show the same sentences. Pure. */
import { type FailureInfo, isOwnLimit, isTurn, isWait } from '../failures/failure.ts';
import type { CertificateFacts } from './certificate-facts.ts';
import type { ScheduledRetry } from './scheduled-retry.ts';
import type { StatusReport } from './status-report.ts';

/** Converts a failure code to a condition reason, which is CamelCase: `acme/rateLimited` → `AcmeRateLimited`. */
export function conditionReason(code: string): string {
  return code
    .split('/')
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join('');
}

/** The message for the Web UI and the CLI: also says which objects could not be written. */
export function summaryMessage(bundle: {
  readonly message: string;
  readonly statusWriteError?: ScheduledRetry;
  readonly objectWriteError?: ScheduledRetry;
}): string {
  const { message, statusWriteError, objectWriteError } = bundle;
  const notes = [
    objectWriteError && objectWriteMessage(objectWriteError),
    statusWriteError && `The status could not be written: ${retryMessage(statusWriteError)}`,
  ].filter((note) => note !== undefined);
  return notes.length === 0 ? message : `${message} (${notes.join(' ')})`;
}

/** Why the finalizer or the CertificateRequest is not up to date, and when it is written again. */
export function objectWriteMessage(error: ScheduledRetry): string {
  return `The finalizer or the CertificateRequest could not be written, which delays no renewal: ${retryMessage(error)}`;
}

function retryMessage({ failure: { message, remedy, retry }, nextAttempt }: ScheduledRetry): string {
  const advice = retry === 'transient' || remedy === undefined ? '' : ` ${remedy}`;
  return `${message}${advice} It is written again at ${nextAttempt}.`;
}

/** What failed, what to do, and when the next attempt is. */
export function failureMessage(failure: FailureInfo, failedAttempts: number, nextAttempt: string | undefined): string {
  const { message, remedy, code, retry } = failure;
  const orOnChange = retry === 'onChange' ? ', or as soon as what it depends on changes' : '';
  const next =
    nextAttempt === undefined || isOwnLimit(code) || isWait(code)
      ? undefined
      : `Attempt ${failedAttempts} failed; the next one is at ${nextAttempt}${orOnChange}.`;
  return [message, remedy, next].filter((part) => part !== undefined).join(' ');
}

/**
 * The Event of a failed attempt: when an attempt fails in another way than the one before, not at each retry, which the
 * condition `Failing` shows. An order that waits has a new instant each time.
 */
export function failureEvent(failure: FailureInfo, before: FailureInfo | undefined): StatusReport['event'] {
  const { code, message: what, remedy, retry } = failure;
  const message = [what, remedy].filter((part) => part !== undefined).join(' ');
  if (isTurn(code)) return { type: 'Normal', reason: 'OrderScheduled', message };
  // What waits for a change was changed, where the message differs; that of a passing fault differs at each retry.
  if (code === before?.code && (retry !== 'onChange' || what === before.message)) return undefined;
  if (isWait(code)) return { type: 'Normal', reason: 'WaitsForCanary', message };
  return { type: 'Warning', reason: 'Failing', message };
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
    : `It is retried until it succeeds; to release the ${of} without it: certman release.`;
  return `${failureMessage(failure, failedAttempts, nextAttempt)} ${otherwise}`;
}

/** When the certificate expires or expired. @param now epoch milliseconds. */
export function expiryMessage({ notAfter }: CertificateFacts, now: number): string {
  return `The certificate ${Date.parse(notAfter) <= now ? 'expired' : 'expires'} at ${notAfter}.`;
}
