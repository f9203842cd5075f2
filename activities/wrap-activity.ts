/** The edge to Temporal: only `FailureInfo` crosses it. Causes and stacks can contain headers and bodies: log only. */
import { CancelledFailure, Context } from '@temporalio/activity';
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { CertmanError, type FailureInfo, isOwnLimit, isWait } from '../src/failures/failure.ts';

/** Longest delay left to Temporal's activity retry; the workflow waits longer ones itself. */
const MAX_RETRY_DELAY_MS = 5 * 60_000;

/** The other side's instant is never anticipated; attempts are spread over this share of the wait after it. */
const MAX_JITTER_SHARE = 1 / 2;

/** Failures that are an expected step of polling, of a canary or of a shutdown. */
const EXPECTED_CODES = new Set<string>([
  'certificate/waitsForCanary',
  'acme/pending',
  'dns/pending',
  'dns/queued',
  'dns/notVisible',
  'temporal/workerStopping',
]);

/** An error with what the workflow must know besides: it is added to the failure's details, also to a cancellation's. */
export class ErrorWithDetails extends Error {
  readonly details: object;
  /** It is not retried here, whatever it is. */
  readonly isFinal: boolean;

  constructor(cause: unknown, details: object, isFinal = false) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = 'ErrorWithDetails';
    this.details = details;
    this.isFinal = isFinal;
  }
}

/**
 * Converts a failure for Temporal: type = code, details = [FailureInfo, ...others], nextRetryDelay from `notBefore`.
 * @param others @param isFinal see {@link ErrorWithDetails}.
 */
export function toApplicationFailure(
  info: FailureInfo,
  others: readonly unknown[] = [],
  isFinal = false,
): ApplicationFailure {
  const delay = info.notBefore === undefined ? undefined : retryDelayMs(info, Date.parse(info.notBefore) - Date.now());
  const isSoon = delay === undefined ? info.retry === 'transient' : delay <= MAX_RETRY_DELAY_MS && isRetriedHere(info);
  const retryable = isSoon && !isFinal;
  return ApplicationFailure.create({
    type: info.code,
    message: info.message,
    details: [info, ...others],
    nonRetryable: !retryable,
    nextRetryDelay: retryable ? delay : undefined,
    category: EXPECTED_CODES.has(info.code) ? ApplicationFailureCategory.BENIGN : undefined,
  });
}

/** What waits for certman's own limits, or for a canary, is shown with its instant, so the workflow waits. */
function isRetriedHere({ code, retry }: FailureInfo): boolean {
  return retry !== 'onChange' && !isOwnLimit(code) && !isWait(code);
}

/** Many may have received the same instant, except where each polls what is its own. */
function retryDelayMs({ code }: FailureInfo, statedMs: number): number {
  const jitter = EXPECTED_CODES.has(code) ? 0 : Math.random() * MAX_JITTER_SHARE;
  return Math.max(1, Math.ceil(statedMs * (1 + jitter)));
}

/** Well below the heartbeat time-out in workflows/activities.ts. */
const HEARTBEAT_INTERVAL_MS = 3_000;

/** Details of an activity's heartbeats, which every heartbeat replaces, the periodic ones included. */
const detailsOf = new WeakMap<Context, () => unknown>();

/** What is added to the details of an activity that runs another one's steps as its own. */
const framesOf = new WeakMap<Context, (details: unknown) => unknown>();

/** From now on, every heartbeat has what `frame` makes of its details. */
export function frameHeartbeats(frame: (details: unknown) => unknown): void {
  framesOf.set(Context.current(), frame);
}

/** Heartbeats now, with details that the next attempt finds; use it instead of `Context.heartbeat`. */
export function heartbeat(details: unknown): void {
  heartbeatFrom(() => details);
  sendHeartbeat(Context.current());
}

function sendHeartbeat(context: Context): void {
  const details = detailsOf.get(context)?.();
  const frame = framesOf.get(context);
  context.heartbeat(frame === undefined ? details : frame(details));
}

/** Evaluates `details` for every periodic heartbeat from now on. */
export function heartbeatFrom(details: () => unknown): void {
  detailsOf.set(Context.current(), details);
}

/** Those of the present attempt, without a frame. */
export function heartbeatDetails(): object {
  const details = detailsOf.get(Context.current())?.();
  return typeof details === 'object' && details !== null ? details : {};
}

/** Heartbeats, so that cancellation and lost workers are noticed; throws `ApplicationFailure` or `CancelledFailure`. */
export function wrapActivity<Args extends unknown[], Result>(
  activity: (...args: Args) => Promise<Result>,
): (...args: Args) => Promise<Result> {
  return async (...args) => {
    const context = Context.current();
    detailsOf.set(context, () => context.info.heartbeatDetails);
    // The result of a local activity, which has no heartbeats, is lost with its worker.
    const timer = context.info.isLocal ? undefined : setInterval(() => sendHeartbeat(context), HEARTBEAT_INTERVAL_MS);
    try {
      return await activity(...args);
    } catch (thrown) {
      const error = thrown instanceof ErrorWithDetails ? thrown.cause : thrown;
      const details = detailsOfThrown(thrown);
      const others = details === undefined ? [] : [details];
      if (context.cancellationSignal.aborted) throw new CancelledFailure('cancelled', others);
      if (error instanceof CancelledFailure) throw error;
      if (error instanceof ApplicationFailure) throw error;
      const { info, isFinal } = describeThrown(thrown, context);
      throw toApplicationFailure(info, others, isFinal);
    } finally {
      clearInterval(timer);
    }
  };
}

/** What a step threw, as its activity would report it. */
export interface ThrownFailure {
  readonly info: FailureInfo;
  /** See {@link ErrorWithDetails}. */
  readonly isFinal: boolean;
}

/** Describes, and logs, what a step threw, other than by a cancellation. */
export function describeThrown(thrown: unknown, { info: { activityType }, log }: Context): ThrownFailure {
  const error = thrown instanceof ErrorWithDetails ? thrown.cause : thrown;
  const { info } = error instanceof CertmanError ? error : unexpectedError(activityType, error);
  if (EXPECTED_CODES.has(info.code)) log.debug(info.message, { code: info.code });
  else log.warn(info.message, { code: info.code, error: stackOf(error) });
  return { info, isFinal: thrown instanceof ErrorWithDetails && thrown.isFinal };
}

/** What the workflow must know besides; undefined: nothing. */
export function detailsOfThrown(thrown: unknown): object | undefined {
  return thrown instanceof ErrorWithDetails ? thrown.details : undefined;
}

function unexpectedError(activityType: string, error: unknown): CertmanError {
  const name = error instanceof Error ? error.name : typeof error;
  return new CertmanError({
    code: 'internal/unexpected',
    message: `${activityType} failed unexpectedly (${name}); see the worker's log.`,
    remedy: 'certman retries by the retry schedule; please report this with the log line.',
  });
}

/** Names and stacks only: other fields of third-party errors can contain request headers. */
function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const cause = error.cause instanceof Error ? `\ncaused by ${error.cause.stack ?? error.cause.name}` : '';
  return `${error.stack ?? error.name}${cause}`;
}
