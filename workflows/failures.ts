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

/** The typed failure inside an error, however deeply Temporal wrapped it; `internal/unexpected` when there is none. */
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
      remedy: 'It is retried by the retry schedule.',
    }
  );
}

/** The failure of an issuance that a person ended, in the Web UI or with Temporal's CLI. */
function operatorInterruptionIn(error: unknown): FailureInfo | undefined {
  if (!(error instanceof ChildWorkflowFailure)) return undefined;
  if (isIssuanceCancelled(error)) {
    return {
      code: 'issuance/cancelled',
      message: 'A person cancelled the issuance.',
      retry: retryModeOf('issuance/cancelled'),
      remedy: 'To order at once: certman renew. To prevent orders: the annotation hive.openshift.io/reconcile-pause.',
    };
  }
  if (!(error.cause instanceof TerminatedFailure)) return undefined;
  return {
    code: 'issuance/terminated',
    message: 'A person terminated the issuance, so that it could not clean up.',
    retry: retryModeOf('issuance/terminated'),
    remedy:
      'Delete the TXT records that the order left in the zone. Cancel issuances rather than terminate them. To order at once: certman renew.',
  };
}

/** The failure of a time-out: no worker reported a result, so the outcome of the activity is unknown. */
function workerLostIn(error: unknown): FailureInfo | undefined {
  const timeOut = timeoutIn(error);
  if (timeOut === undefined) return undefined;
  const how =
    timeOut.timeoutType === 'HEARTBEAT'
      ? 'every worker that ran it stopped heartbeating'
      : `no worker finished it within the time limit (${timeOut.timeoutType})`;
  return {
    code: 'worker/lost',
    message: `${failedStep(error)}: ${how}.`,
    retry: retryModeOf('worker/lost'),
    remedy: 'It is retried soon. If this persists, check the worker pods: restarts, memory, logs.',
  };
}

function timeoutIn(error: unknown): TimeoutFailure | undefined {
  for (let current = error; current instanceof Error; current = current.cause) {
    if (current instanceof TimeoutFailure) return current;
  }
  return undefined;
}

/** What a failed issuance left behind; undefined for any other error. */
export function issuanceContextIn(error: unknown): IssuanceFailureContext | undefined {
  for (let current = error; current instanceof Error; current = current.cause) {
    if (current instanceof ApplicationFailure) {
      const context = current.details?.[1];
      if (typeof context === 'object' && context !== null) return context;
    }
  }
  return undefined;
}

/** The heartbeat details of an activity's last attempt, when it timed out. */
export function lastHeartbeatDetailsIn(error: unknown): unknown {
  return timeoutIn(error)?.lastHeartbeatDetails;
}

/** Whether an issuance was cancelled, with or without leftovers. */
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
