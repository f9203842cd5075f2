/**
 * The edge between the modules under `src/`, which throw `CertmanError`, and Temporal, which records what an activity throws.
 * Only `FailureInfo` crosses it: causes and stacks of third-party errors (they can carry headers and bodies) stay in the log.
 */
import { CancelledFailure, Context } from '@temporalio/activity';
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { CertmanError, type FailureInfo } from '../src/failures/failure.ts';

/** Longest wait that is left to the activity's own retry; a later instant is the workflow's business. */
const MAX_RETRY_DELAY_MS = 5 * 60_000;

/** Failures that are an expected step of waiting, not an incident. */
const EXPECTED_WAITS = new Set<string>(['acme/pending', 'dns/pending', 'dns/notVisible', 'temporal/workerStopping']);

/** The failure as Temporal records it: type = code, details = [FailureInfo], nextRetryDelay = the outside system's own word. */
export function toApplicationFailure(info: FailureInfo): ApplicationFailure {
  const delay = info.notBefore === undefined ? undefined : Math.max(1, Date.parse(info.notBefore) - Date.now());
  const retryable =
    delay === undefined ? info.retry === 'transient' : delay <= MAX_RETRY_DELAY_MS && info.retry !== 'onChange';
  return ApplicationFailure.create({
    type: info.code,
    message: info.message,
    details: [info],
    nonRetryable: !retryable,
    ...(retryable && delay !== undefined ? { nextRetryDelay: delay } : {}),
    ...(EXPECTED_WAITS.has(info.code) ? { category: ApplicationFailureCategory.BENIGN } : {}),
  });
}

/** Well under the heartbeat time-out of workflows/activities.ts. */
const HEARTBEAT_INTERVAL_MS = 3_000;

/** What an activity's heartbeats carry, so that those of its timer do not wipe it. */
const heartbeatDetails = new WeakMap<Context, () => unknown>();

/**
 * Heartbeats now with details that the next attempt finds in `heartbeatDetails` of its info. Activities use this one, not
 * the context's own.
 */
export function heartbeat(details: unknown): void {
  const context = Context.current();
  heartbeatDetails.set(context, () => details);
  context.heartbeat(details);
}

/** Each of the timer's heartbeats carries what `details` says then, until {@link heartbeat} says otherwise. */
export function heartbeatFrom(details: () => unknown): void {
  heartbeatDetails.set(Context.current(), details);
}

/**
 * Wraps an activity so that it heartbeats for as long as it runs (which is how a cancellation reaches it, and how the death
 * of its worker is noticed), and whatever it throws leaves as a typed failure; cancellation leaves as cancellation.
 */
export function wrapActivity<Args extends unknown[], Result>(
  activity: (...args: Args) => Promise<Result>,
): (...args: Args) => Promise<Result> {
  return async (...args) => {
    const context = Context.current();
    heartbeatDetails.set(context, () => context.info.heartbeatDetails);
    // A local activity has no heartbeat: it lives and dies with its workflow task.
    const timer = context.info.isLocal
      ? undefined
      : setInterval(() => context.heartbeat(heartbeatDetails.get(context)?.()), HEARTBEAT_INTERVAL_MS);
    try {
      return await activity(...args);
    } catch (error) {
      if (error instanceof CancelledFailure || context.cancellationSignal.aborted) {
        throw error instanceof CancelledFailure ? error : new CancelledFailure('cancelled');
      }
      if (error instanceof ApplicationFailure) throw error;
      const info: FailureInfo =
        error instanceof CertmanError
          ? error.info
          : {
              code: 'internal/unexpected',
              message: `${context.info.activityType} failed in a way that certman does not know (${error instanceof Error ? error.name : typeof error}); the worker's log has the details.`,
              retry: 'backoff',
              remedy: 'It is tried again by the retry schedule; please report it with the log line.',
            };
      // A step of waiting is no incident: a line without a stack, for those who look for it.
      if (EXPECTED_WAITS.has(info.code)) context.log.debug(info.message, { code: info.code });
      else context.log.warn(info.message, { code: info.code, error: stackOf(error) });
      throw toApplicationFailure(info);
    } finally {
      clearInterval(timer);
    }
  };
}

/** Names and stacks only: the fields of third-party errors can hold request headers. */
function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const cause = error.cause instanceof Error ? `\ncaused by ${error.cause.stack ?? error.cause.name}` : '';
  return `${error.stack ?? error.name}${cause}`;
}
