import { Context } from '@temporalio/activity';
import { heartbeat } from './wrap-activity.ts';

/** An attempt of an activity on DNS. */
export interface DnsAttempt {
  /** From 1. */
  readonly attempt: number;
  /** Epoch milliseconds. */
  readonly scheduledAt: number;
  readonly signal: AbortSignal;
  /** What an earlier attempt recorded last; not validated. */
  readonly recorded: unknown;
  readonly record: (progress: unknown) => void;
}

/** The attempt of the activity that it is called in. */
export function currentDnsAttempt(): DnsAttempt {
  const { info, cancellationSignal: signal } = Context.current();
  const { attempt, scheduledTimestampMs: scheduledAt, heartbeatDetails: recorded } = info;
  return { attempt, scheduledAt, signal, recorded, record: heartbeat };
}
