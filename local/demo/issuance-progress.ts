import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, isGrpcServiceError, WorkflowNotFoundError } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import pc from 'picocolors';
import { print } from './steps.ts';

const POLL_INTERVAL_MS = 150;

interface StartedActivity {
  readonly what: string;
  readonly at: number;
}

/** Prints the activities of an issuance from its history, by their summaries, until it has ended; waits for its start. */
export async function printIssuanceProgress(client: Client, workflowId: string, signal: AbortSignal): Promise<void> {
  const started = new Map<string, StartedActivity>();
  let printed = 0;
  let lastFailure = '';
  while (!signal.aborted) {
    const handle = client.workflow.getHandle(workflowId);
    try {
      const { events } = await handle.fetchHistory();
      for (const event of (events ?? []).slice(printed)) {
        const at = Number(event.eventTime?.seconds ?? 0) * 1000 + Number(event.eventTime?.nanos ?? 0) / 1e6;
        const scheduled = event.activityTaskScheduledEventAttributes;
        if (scheduled) {
          const summary = event.userMetadata?.summary;
          const what: unknown = summary ? defaultPayloadConverter.fromPayload(summary) : scheduled.activityType?.name;
          started.set(String(event.eventId), { what: String(what), at });
        }
        const completed = event.activityTaskCompletedEventAttributes;
        if (completed) printActivity('✓', started.get(String(completed.scheduledEventId)), at);
        const failed = event.activityTaskFailedEventAttributes;
        if (failed) printActivity('✗', started.get(String(failed.scheduledEventId)), at, failed.failure?.message ?? '');
        if (event.workflowExecutionCompletedEventAttributes || event.workflowExecutionFailedEventAttributes) return;
      }
      printed = (events ?? []).length;
      const { raw } = await handle.describe();
      const failure =
        raw.pendingActivities?.find((activity) => (activity.attempt ?? 1) > 1)?.lastFailure?.message ?? '';
      if (failure !== '' && failure !== lastFailure) print(`    ${pc.dim(`… ${failure}`)}`);
      lastFailure = failure;
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    await sleep(POLL_INTERVAL_MS);
  }
}

/** `describe` throws a class of its own, `fetchHistory` gRPC status 5 (NOT_FOUND). */
function isNotFound(error: unknown): boolean {
  return error instanceof WorkflowNotFoundError || (isGrpcServiceError(error) && Number(error.code) === 5);
}

function printActivity(mark: string, started: StartedActivity | undefined, at: number, reason = ''): void {
  if (started === undefined) return;
  const line = `    ${mark === '✓' ? pc.green(mark) : pc.red(mark)} ${started.what}`;
  print(
    `${line.padEnd(78)} ${pc.dim(`${((at - started.at) / 1000).toFixed(2)} s`)}${reason === '' ? '' : ` ${reason}`}`,
  );
}
