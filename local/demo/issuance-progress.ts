/** Tells an issuance step by step while it runs, from the history of its workflow, in the words the Web UI shows. */
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

/** Follows until the workflow has ended or the signal is aborted; a workflow that is not there yet is waited for. */
export async function printIssuanceProgress(client: Client, workflowId: string, signal: AbortSignal): Promise<void> {
  const begun = new Map<string, StartedActivity>();
  let told = 0;
  let miss = '';
  while (!signal.aborted) {
    const handle = client.workflow.getHandle(workflowId);
    try {
      const { events } = await handle.fetchHistory();
      for (const event of (events ?? []).slice(told)) {
        const at = Number(event.eventTime?.seconds ?? 0) * 1000 + Number(event.eventTime?.nanos ?? 0) / 1e6;
        const scheduled = event.activityTaskScheduledEventAttributes;
        if (scheduled) {
          const summary = event.userMetadata?.summary;
          const what: unknown = summary ? defaultPayloadConverter.fromPayload(summary) : scheduled.activityType?.name;
          begun.set(String(event.eventId), { what: String(what), at });
        }
        const completed = event.activityTaskCompletedEventAttributes;
        if (completed) printActivity('✓', begun.get(String(completed.scheduledEventId)), at);
        const failed = event.activityTaskFailedEventAttributes;
        if (failed) printActivity('✗', begun.get(String(failed.scheduledEventId)), at, failed.failure?.message ?? '');
        if (event.workflowExecutionCompletedEventAttributes || event.workflowExecutionFailedEventAttributes) return;
      }
      told = (events ?? []).length;
      const { raw } = await handle.describe();
      const missed = raw.pendingActivities?.find((activity) => (activity.attempt ?? 1) > 1)?.lastFailure?.message ?? '';
      if (missed !== '' && missed !== miss) print(`    ${pc.dim(`… ${missed}`)}`);
      miss = missed;
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    await sleep(POLL_INTERVAL_MS);
  }
}

/** `describe` says it with a class of its own, `fetchHistory` with the bare gRPC status 5 (NOT_FOUND). */
function isNotFound(error: unknown): boolean {
  return error instanceof WorkflowNotFoundError || (isGrpcServiceError(error) && Number(error.code) === 5);
}

function printActivity(mark: string, begun: StartedActivity | undefined, at: number, why = ''): void {
  if (begun === undefined) return;
  const line = `    ${mark === '✓' ? pc.green(mark) : pc.red(mark)} ${begun.what}`;
  print(`${line.padEnd(78)} ${pc.dim(`${((at - begun.at) / 1000).toFixed(2)} s`)}${why === '' ? '' : ` ${why}`}`);
}
