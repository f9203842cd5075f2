import { CertmanError } from '../failures/failure.ts';
import type { AcmeClient } from './client.ts';
import { orderPendingError } from './order.ts';
import { AcmeProblemError } from './problems.ts';

/** Some five minutes: a CA with several servers can be seconds behind itself. */
const MAX_ATTEMPTS = 60;
const MAX_RETRY_DELAY_MS = 5_000;

/**
 * The error for an order that is valid and whose certificate the CA does not return yet; after {@link MAX_ATTEMPTS} it counts as
 * lost. @param attempt of the step. @param found completes "The order … is valid, but …".
 */
export function certificateLateError(ca: AcmeClient, orderUrl: string, attempt: number, found: string): CertmanError {
  const message = `The order ${orderUrl} is valid, but the CA ${ca.host} ${found}.`;
  if (attempt < MAX_ATTEMPTS) {
    return orderPendingError(message, new Date(Date.now() + Math.min(1_000 * attempt, MAX_RETRY_DELAY_MS)));
  }
  return new CertmanError({ code: 'acme/orderGone', message, remedy: 'The next attempt places a new order.' });
}

/** Whether the CA has no certificate at the URL that it gave, in its own words. */
export function isCertificateMissing(error: unknown): error is AcmeProblemError {
  return error instanceof AcmeProblemError && error.status === 404 && error.code !== 'acme/unreachable';
}
