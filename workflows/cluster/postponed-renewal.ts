import { patched } from '@temporalio/workflow';
import { type Postponement, postponementEvent, postponementMessage } from '../../src/certificates/postponement.ts';
import { failureMessage } from '../../src/certificates/status-messages.ts';
import type { RequestObservation } from '../../src/contract/activities/kubernetes.ts';
import { type LastAttempt, nextAttemptOf } from '../../src/contract/bundle-record.ts';
import { RENEWAL_WINDOWS } from '../../src/contract/patches.ts';
import { isWait } from '../../src/failures/failure.ts';
import type { Bundle } from './bundle.ts';
import type { Wake } from './sleep-until.ts';

/** What an activity observed, as a run decides by it: one that started before there were windows postpones nothing. */
export function withPostponement(observation: RequestObservation): RequestObservation {
  if (observation.postponement === undefined || patched(RENEWAL_WINDOWS)) return observation;
  return { ...observation, postponement: undefined };
}

/** The Event of a postponement that was not reported before. */
export function newPostponementEvent(postponement: Postponement | undefined, before: Postponement | undefined) {
  const isSame = postponement?.until === before?.until && postponement?.reason === before?.reason;
  return postponement === undefined || isSame ? undefined : postponementEvent(postponement);
}

/** Postpones the next attempt at a renewal that has failed or waits: what it failed with stays, and is shown. */
export async function postponeNextAttempt(
  bundle: Bundle,
  postponement: Postponement,
  lastAttempt: LastAttempt,
  before: Postponement | undefined,
): Promise<Wake> {
  const { failure, attempts } = lastAttempt;
  const { until: nextAttempt, plannedTime: renewalTime } = postponement;
  const isShown = nextAttemptOf(bundle.record) === nextAttempt;
  bundle.learn({ postponement });
  if (!isShown) {
    const what = postponementMessage(postponement);
    await bundle.transition(
      {
        state: failure.retry === 'onChange' || isWait(failure.code) ? 'Waiting' : 'Failing',
        lastAttempt,
        nextAttempt,
        renewalTime,
      },
      { message: `${failureMessage(failure, attempts, nextAttempt)} The renewal was ${what}.` },
      newPostponementEvent(postponement, before),
    );
  }
  return Date.parse(nextAttempt);
}
