/** The failures of simulated orders. */
import type { FailureInfo } from '../../../src/failures/failure.ts';
import type { CaTrouble } from './scenario.ts';

export function failureOf(trouble: CaTrouble, now: number): FailureInfo {
  if (trouble === 'away') return { code: 'acme/unreachable', message: 'no answer', retry: 'transient' };
  if (trouble === 'refuses') return { code: 'acme/orderInvalid', message: 'refused', retry: 'backoff' };
  return {
    code: 'acme/rateLimited',
    message: 'too many',
    retry: 'backoff',
    notBefore: new Date(now + trouble.retryAfterMs).toISOString(),
  };
}

export function limitReached(until: number): FailureInfo {
  return {
    code: 'rateLimit/exactSet',
    message: 'too many of the same',
    retry: 'backoff',
    notBefore: new Date(until).toISOString(),
  };
}
