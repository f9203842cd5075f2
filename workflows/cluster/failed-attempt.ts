import { log } from '@temporalio/workflow';
import { nameSetDigest } from '../../src/certificates/digest.ts';
import { lifetimeOf } from '../../src/certificates/planned-renewal.ts';
import { nextAttemptAt } from '../../src/certificates/retry-schedule.ts';
import { scheduleRetry } from '../../src/certificates/scheduled-retry.ts';
import { isProvable } from '../../src/certificates/staging-proof.ts';
import { failureEvent, failureMessage } from '../../src/certificates/status-messages.ts';
import type { BundleView } from '../../src/clusters/cluster-view.ts';
import { type LastAttempt, lastAttemptOf, nextAttemptOf, renewalTimeOf } from '../../src/contract/bundle-record.ts';
import type { IssuanceFailureContext } from '../../src/contract/certificate-issuance.ts';
import { type FailureCode, type FailureInfo, isOwnLimit, isTurn, isWait } from '../../src/failures/failure.ts';
import { recordIssuance } from '../../src/rate-limit/exact-set-limit.ts';
import { FAILED_AUTHORIZATIONS_PER_NAME } from '../../src/rate-limit/limits.ts';
import type { Bundle, StatusEvent } from './bundle.ts';
import type { Wake } from './sleep-until.ts';

/** Certificates without a key: the newest matter most. */
const MAX_UNCLAIMED_ORDERS = 20;

const CA_COUNTED_CODES = new Set<FailureCode>(['acme/challengeFailed', 'acme/orderInvalid']);
const MIN_ATTEMPT_INTERVAL_MS = FAILED_AUTHORIZATIONS_PER_NAME.intervalMs;

/** A person ended the order: other changes are no reason for an earlier attempt. */
const ENDED_BY_OPERATOR_CODES = new Set<FailureCode>(['issuance/cancelled', 'issuance/terminated']);

/**
 * Records, logs and reports a failure.
 * @param scheduled the instant for which the attempt was scheduled, if it was (RFC 3339).
 * @param caHost directory host of the CA that would have issued, where that is known.
 * @param leftovers undefined when it was not the order that failed.
 */
export async function recordFailure(
  bundle: Bundle,
  view: BundleView,
  scheduled: string | undefined,
  failure: FailureInfo,
  caHost?: string,
  leftovers?: IssuanceFailureContext,
): Promise<Wake> {
  const { record } = bundle;
  const before = lastAttemptOf(record);
  const now = Date.now();
  // A failure before the order says nothing about it: its certificate may wait at the CA, with its key staged.
  const openOrder = leftovers === undefined ? before?.openOrder : leftovers.openOrder;
  // With another order, the attempt was made at the CA.
  const previous = before && { ...before, nextAttempt: before.openOrder === openOrder ? scheduled : undefined };
  const { attempts, nextAttempt } = scheduleRetry(failure, now, bundle.jitterKey, previous, record.certificate);
  bundle.attempts.finish('failed');
  bundle.learn({
    dnsNames: view.names.kind === 'valid' ? view.names.dnsNames : [],
    secretName: view.secretName,
    objectWriteError: undefined,
  });
  // Known until an order is issued or proved, whatever fails meanwhile.
  const isUnproved = isProvable(failure.code) || (before?.unproved === true && leftovers?.proved !== true);
  const lastAttempt: LastAttempt = {
    failure,
    failedAt: new Date(now).toISOString(),
    caHost,
    attempts,
    openOrder,
    unproved: isUnproved ? true : undefined,
  };
  if (isWait(failure.code)) log.info('An order waits', { bundle: bundle.name, failure, nextAttempt });
  else log.warn('An attempt has failed', { bundle: bundle.name, failure, attempts, nextAttempt });
  await showFailing(bundle, lastAttempt, nextAttempt, failureEvent(failure, before?.failure));
  return Date.parse(nextAttempt);
}

/** Epoch milliseconds before which Retry-After or CA limits bar an attempt; undefined: none, or for other names. */
export function notBeforeOf(bundle: Bundle, { names }: BundleView): number | undefined {
  const { record } = bundle;
  const last = lastAttemptOf(record);
  if (last === undefined || (bundle.attempts.requested && isTurn(last.failure.code))) return undefined;
  // A change may be the end of the canary, and asking costs no order.
  if (last.failure.code === 'certificate/waitsForCanary') return undefined;
  if (bundle.attempts.exceedLimit && isOwnLimit(last.failure.code)) return undefined;
  if (names.kind === 'valid' && names.dnsNames.join(' ') !== record.dnsNames.join(' ')) return undefined;
  const notBefore = last.failure.notBefore === undefined ? 0 : Date.parse(last.failure.notBefore);
  // Others got the same instant: a change must not undo how the attempts are spread after it. A turn is one order's.
  const isShared = notBefore > Date.now() && !bundle.attempts.requested && !isTurn(last.failure.code);
  const spread = isShared ? plannedAttempt(bundle, last) : 0;
  const at = Math.max(notBefore, spread, earliestAttempt(bundle, last));
  return at > Date.now() ? at : undefined;
}

/** Whether an order would go to another CA than the failed one, whose Retry-After and limits do not apply there. */
export function isOtherCa(last: LastAttempt, caHost: string | undefined): boolean {
  if (ENDED_BY_OPERATOR_CODES.has(last.failure.code)) return false;
  return caHost !== undefined && last.caHost !== undefined && caHost !== last.caHost;
}

// A change brings the next attempt forward: not beyond the CA's refill after a failure that it counts (a cluster may
// keep changing), and not after an order that a person ended. An operator's renewal request is always allowed.
function earliestAttempt(bundle: Bundle, last: LastAttempt): number {
  const { code } = last.failure;
  if (bundle.attempts.requested) return 0;
  if (ENDED_BY_OPERATOR_CODES.has(code)) return plannedAttempt(bundle, last);
  if (!CA_COUNTED_CODES.has(code)) return 0;
  return Math.min(plannedAttempt(bundle, last), Date.parse(last.failedAt) + MIN_ATTEMPT_INTERVAL_MS);
}

function plannedAttempt({ record, jitterKey }: Bundle, { failure, failedAt, attempts }: LastAttempt): number {
  const scheduled = nextAttemptOf(record);
  if (scheduled !== undefined) return Date.parse(scheduled);
  return nextAttemptAt(failure, attempts, Date.parse(failedAt), jitterKey, record.certificate);
}

/** Waits until `at` (epoch milliseconds), and reports it unless that was reported before. */
export async function keepWaiting(bundle: Bundle, lastAttempt: LastAttempt, at: number): Promise<Wake> {
  bundle.attempts.rejectRequest();
  const nextAttempt = new Date(at).toISOString();
  if (nextAttemptOf(bundle.record) !== nextAttempt) await showFailing(bundle, lastAttempt, nextAttempt);
  return at;
}

async function showFailing(
  bundle: Bundle,
  lastAttempt: LastAttempt,
  nextAttempt: string,
  event?: StatusEvent,
): Promise<void> {
  const { failure, attempts } = lastAttempt;
  await bundle.transition(
    {
      state: failure.retry === 'onChange' || isWait(failure.code) ? 'Waiting' : 'Failing',
      lastAttempt,
      nextAttempt,
      renewalTime: renewalTimeOf(bundle.record),
    },
    { message: failureMessage(failure, attempts, nextAttempt) },
    event,
  );
}

/** Records what an order left behind, so that the next order or the decommission cleans it up. */
export function recordLeftovers(
  bundle: Bundle,
  { leftoverRecords, unclaimedOrder, unclaimedAt }: IssuanceFailureContext,
  caHost: string | undefined,
): void {
  if (leftoverRecords !== undefined) bundle.learn({ leftoverRecords });
  const { unclaimedOrders = [], rateLimitState = [], certificate, dnsNames } = bundle.record;
  // Each order counts once, however often it fails.
  if (unclaimedOrder === undefined || unclaimedOrders.includes(unclaimedOrder)) return;
  const set = { nameSet: nameSetDigest(dnsNames), caHost: unclaimedAt ?? caHost };
  bundle.learn({
    unclaimedOrders: [...unclaimedOrders, unclaimedOrder].slice(-MAX_UNCLAIMED_ORDERS),
    // The CA may have issued it, and counts it then.
    rateLimitState: recordIssuance(rateLimitState, set, certificate && lifetimeOf(certificate), Date.now()),
  });
}
