import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  ChildWorkflowFailure,
  isCancellation,
  TerminatedFailure,
  TimeoutFailure,
} from '@temporalio/workflow';
import type { UnfinishedStep } from '../src/contract/activities/order.ts';
import { CANCELLED_WITH_LEFTOVERS, type IssuanceFailureContext } from '../src/contract/certificate-issuance.ts';
import { type FailureInfo, failureInfo, isFailureCode } from '../src/failures/failure.ts';

/** Steps before which the TXT records of an order are published. */
const AFTER_PUBLICATION = new Set<unknown>([
  'verifyPropagation',
  'answerChallenges',
  'finalizeOrder',
  'installCertificate',
]);

/** The typed failure inside an error, however deeply Temporal wrapped it; `internal/unexpected` when there is none. */
export function failureIn(error: unknown): FailureInfo {
  return (
    detailsIn(error, 0).find(isFailureInfo) ??
    operatorInterruptionIn(error) ??
    workerLostIn(error) ??
    failureInfo({
      code: 'internal/unexpected',
      message: `${failedStep(error)}: ${causesOf(error).at(-1)?.message ?? String(error)}`,
      remedy: 'It is retried by the retry schedule.',
    })
  );
}

/** The failure of an issuance that a person ended, in the Web UI or with Temporal's CLI. */
function operatorInterruptionIn(error: unknown): FailureInfo | undefined {
  if (!(error instanceof ChildWorkflowFailure)) return undefined;
  if (isIssuanceCancelled(error)) {
    return failureInfo({
      code: 'issuance/cancelled',
      message: 'A person cancelled the issuance.',
      remedy: 'To order at once: certman renew. To prevent orders: the annotation hive.openshift.io/reconcile-pause.',
    });
  }
  if (!(error.cause instanceof TerminatedFailure)) return undefined;
  return failureInfo({
    code: 'issuance/terminated',
    message: 'A person terminated the issuance, so that it could not clean up.',
    remedy:
      'Delete the TXT records that the order left in the zone. Cancel issuances rather than terminate them. To order at once: certman renew.',
  });
}

/** The failure of a time-out: no worker reported a result, so the outcome of the activity is unknown. */
function workerLostIn(error: unknown): FailureInfo | undefined {
  const timeOut = timeoutIn(error);
  if (timeOut === undefined) return undefined;
  const how =
    timeOut.timeoutType === 'HEARTBEAT'
      ? 'every worker that ran it stopped heartbeating'
      : `no worker finished it within the time limit (${timeOut.timeoutType})`;
  return failureInfo({
    code: 'worker/lost',
    message: `${failedStep(error)}: ${how}.`,
    remedy: 'It is retried soon. If this persists, check the worker pods: restarts, memory, logs.',
  });
}

/** What a failed issuance left behind; undefined for any other error. */
export function issuanceContextIn(error: unknown): IssuanceFailureContext | undefined {
  return detailsIn(error, 1).find((context) => typeof context === 'object' && context !== null);
}

/**
 * What an activity of several steps says of the one that it did not finish; undefined for any other error. A time-out has
 * the failure of an earlier attempt as its cause: what that had published still is, but the last one may have finalized.
 */
export function unfinishedStepIn(error: unknown): UnfinishedStep | undefined {
  const unfinished: UnfinishedStep | undefined = stepDetailsIn(error);
  if (timeoutIn(error) === undefined) return unfinished;
  const isPublished = unfinished?.published === true || isAfterPublication(lastHeartbeatDetailsIn(error));
  return isPublished ? { published: true } : undefined;
}

/** What a failed or cancelled activity says besides its failure. */
export function stepDetailsIn(error: unknown): object | undefined {
  const cancelled = causesOf(error).find((cause) => cause instanceof CancelledFailure);
  const details: unknown = cancelled === undefined ? detailsIn(error, 1).at(0) : cancelled.details[0];
  return typeof details === 'object' && details !== null ? details : undefined;
}

function isAfterPublication(heartbeatDetails: unknown): boolean {
  if (typeof heartbeatDetails !== 'object' || heartbeatDetails === null || !('step' in heartbeatDetails)) return false;
  return AFTER_PUBLICATION.has(heartbeatDetails.step);
}

/** The heartbeat details of an activity's last attempt, when it timed out. */
export function lastHeartbeatDetailsIn(error: unknown): unknown {
  return timeoutIn(error)?.lastHeartbeatDetails;
}

/** Whether an activity timed out whose retry policy leaves that to the workflow. */
export function isTimeoutWithoutRetry(error: unknown): boolean {
  const isUnretried = error instanceof ActivityFailure && error.retryState === 'NON_RETRYABLE_FAILURE';
  return isUnretried && error.cause instanceof TimeoutFailure;
}

/** Whether an issuance was cancelled, with or without leftovers. */
export function isIssuanceCancelled(error: unknown): boolean {
  return isCancellation(error) || applicationFailuresIn(error).some(({ type }) => type === CANCELLED_WITH_LEFTOVERS);
}

function timeoutIn(error: unknown): TimeoutFailure | undefined {
  return causesOf(error).find((cause) => cause instanceof TimeoutFailure);
}

function detailsIn(error: unknown, index: number): readonly unknown[] {
  return applicationFailuresIn(error).map(({ details }) => details?.[index]);
}

function applicationFailuresIn(error: unknown): readonly ApplicationFailure[] {
  return causesOf(error).filter((cause) => cause instanceof ApplicationFailure);
}

/** An error and its causes, outermost first. */
function causesOf(error: unknown): readonly Error[] {
  return error instanceof Error ? [error, ...causesOf(error.cause)] : [];
}

function isFailureInfo(value: unknown): value is FailureInfo {
  return (
    typeof value === 'object' && value !== null && 'code' in value && isFailureCode(value.code) && 'message' in value
  );
}

function failedStep(error: unknown): string {
  if (error instanceof ActivityFailure) return `The step ${error.activityType} failed`;
  if (error instanceof ChildWorkflowFailure) return 'The issuance failed';
  return 'The workflow failed';
}
