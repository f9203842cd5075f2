import { type FailureCode, type FailureInfo, isOwnLimit, isWait } from '../failures/failure.ts';
import type { Validity } from './certificate-facts.ts';
import { nextAttemptAt } from './retry-schedule.ts';

/** A failure that the retry schedule repeats. */
export interface ScheduledRetry {
  readonly failure: FailureInfo;
  /** Failed attempts since the last success. */
  readonly attempts: number;
  /** RFC 3339. */
  readonly nextAttempt: string;
}

/** Failures that say nothing about what the CA was asked. */
const OUTSIDE_CA = /^(kubernetes|dns|configuration|names)\//;
const CA_NOT_REACHED = new Set<FailureCode>([
  'acme/accountMissing',
  'acme/accountInvalid',
  'acme/caChanged',
  'acme/unreachable',
]);

/**
 * The retry after a failure. A signal can bring an attempt forward; where that fails as the one before it, without the
 * CA, the schedule stays as it was: else resyncs and restarts push the next attempt out to a day.
 * @param now epoch milliseconds. @param jitterKey as for {@link nextAttemptAt}. @param previous failure since the last
 *   success. @param certificate in use.
 */
export function scheduleRetry(
  failure: FailureInfo,
  now: number,
  jitterKey: string,
  previous: FailedBefore | undefined,
  certificate?: Validity,
): ScheduledRetry {
  const { attempts: before = 0, nextAttempt } = previous ?? {};
  const isEarly = isEarlyRepetition(failure, now, previous);
  // Counted until a success: two alternating failures do not restart the schedule. A wait is no attempt.
  const attempts = isEarly || isOwnLimit(failure.code) || isWait(failure.code) ? before : before + 1;
  const at = nextAttemptAt(failure, attempts, now, jitterKey, certificate);
  const planned = isEarly && failure.notBefore === undefined ? Date.parse(nextAttempt ?? '') : at;
  return { failure, attempts, nextAttempt: new Date(Math.min(at, planned)).toISOString() };
}

/** A failed attempt; without `nextAttempt`, none is scheduled. */
type FailedBefore = Omit<ScheduledRetry, 'nextAttempt'> & Partial<Pick<ScheduledRetry, 'nextAttempt'>>;

function isEarlyRepetition({ code }: FailureInfo, now: number, previous: FailedBefore | undefined): boolean {
  const isWithoutCa = OUTSIDE_CA.test(code) || CA_NOT_REACHED.has(code);
  // `NaN` when nothing is scheduled.
  return isWithoutCa && code === previous?.failure.code && now < Date.parse(previous.nextAttempt ?? '');
}
