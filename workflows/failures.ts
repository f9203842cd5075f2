/** What a workflow makes of a failed activity or child: the typed failure inside it. */
import {
  ActivityFailure,
  ApplicationFailure,
  ChildWorkflowFailure,
  isCancellation,
  TerminatedFailure,
  TimeoutFailure,
} from '@temporalio/workflow';
import { CANCELLED_WITH_LEFTOVERS, type IssuanceFailureContext } from '../src/contract/certificate-issuance.ts';
import { type FailureInfo, isFailureCode, retryModeOf } from '../src/failures/failure.ts';

/** The typed failure inside whatever was thrown, however deeply Temporal wrapped it. */
export function failureIn(error: unknown): FailureInfo {
  for (let current = error; current instanceof Error; current = current.cause) {
    if (current instanceof ApplicationFailure) {
      const info = current.details?.[0];
      if (isFailureInfo(info)) return info;
    }
  }
  return (
    operatorInterruptionIn(error) ??
    workerLostIn(error) ?? {
      code: 'internal/unexpected',
      message: `${failedStep(error)}: ${rootMessage(error)}`,
      retry: retryModeOf('internal/unexpected'),
      remedy: 'It is tried again by the retry schedule.',
    }
  );
}

/** An issuance that a person ended, in the Web UI or with Temporal's CLI: as a failure of it. */
function operatorInterruptionIn(error: unknown): FailureInfo | undefined {
  if (!(error instanceof ChildWorkflowFailure)) return undefined;
  if (isIssuanceCancelled(error)) {
    return {
      code: 'issuance/cancelled',
      message: 'Somebody cancelled the issuance before it had come to its end.',
      retry: retryModeOf('issuance/cancelled'),
      remedy:
        'To go on at once: certman renew. To have nothing ordered, pause it with the annotation hive.openshift.io/reconcile-pause.',
    };
  }
  if (!(error.cause instanceof TerminatedFailure)) return undefined;
  return {
    code: 'issuance/terminated',
    message:
      'Somebody terminated the issuance before it had come to its end, so that it could not clear away behind itself.',
    retry: retryModeOf('issuance/terminated'),
    remedy:
      'Take TXT records of the order that are left in the zone away by hand, and cancel, rather than terminate, the next one. To go on at once: certman renew.',
  };
}

/** A time-out says nothing about the outside world: only that no worker has told what became of it. */
function workerLostIn(error: unknown): FailureInfo | undefined {
  const timeOut = timeoutIn(error);
  if (timeOut === undefined) return undefined;
  const how =
    timeOut.timeoutType === 'HEARTBEAT'
      ? 'each worker that took it up stopped answering in the middle of it'
      : `no worker came to its end within the time limit (${timeOut.timeoutType})`;
  return {
    code: 'worker/lost',
    message: `${failedStep(error)}: ${how}.`,
    retry: retryModeOf('worker/lost'),
    remedy:
      'It is tried again soon; if this goes on, look at the worker pods: their restarts, their memory, their logs.',
  };
}

function timeoutIn(error: unknown): TimeoutFailure | undefined {
  for (let current = error; current instanceof Error; current = current.cause) {
    if (current instanceof TimeoutFailure) return current;
  }
  return undefined;
}

/** What an issuance left behind when it failed; undefined when it was something else that failed. */
export function issuanceContextIn(error: unknown): IssuanceFailureContext | undefined {
  for (let current = error; current instanceof Error; current = current.cause) {
    if (current instanceof ApplicationFailure) {
      const context = current.details?.[1];
      if (typeof context === 'object' && context !== null) return context;
    }
  }
  return undefined;
}

/**
 * What the last attempt of an activity had recorded with its heartbeats, when all of them ended by time-outs: their workers
 * died, and nobody is left to return it.
 */
export function lastHeartbeatDetailsIn(error: unknown): unknown {
  return timeoutIn(error)?.lastHeartbeatDetails;
}

/** Whether a child was cancelled, with or without something left behind. */
export function isIssuanceCancelled(error: unknown): boolean {
  if (isCancellation(error)) return true;
  for (let current = error; current instanceof Error; current = current.cause) {
    if (current instanceof ApplicationFailure && current.type === CANCELLED_WITH_LEFTOVERS) return true;
  }
  return false;
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

function rootMessage(error: unknown): string {
  let current = error;
  while (current instanceof Error && current.cause instanceof Error) current = current.cause;
  return current instanceof Error ? current.message : String(current);
}
