/** Tells an issuance step by step while it runs, from the history of its workflow, in the words the Web UI shows. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, isGrpcServiceError, WorkflowNotFoundError } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import pc from 'picocolors';
import { say } from './steps.ts';

const LOOK_EVERY_MS = 150;

interface Begun {
  readonly what: string;
  readonly at: number;
}

/** Follows until the workflow has ended or the signal is aborted; a workflow that is not there yet is waited for. */
export async function followIssuance(client: Client, workflowId: string, signal: AbortSignal): Promise<void> {
  const begun = new Map<string, Begun>();
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
        if (completed) tell('✓', begun.get(String(completed.scheduledEventId)), at);
        const failed = event.activityTaskFailedEventAttributes;
        if (failed) tell('✗', begun.get(String(failed.scheduledEventId)), at, failed.failure?.message ?? '');
        if (event.workflowExecutionCompletedEventAttributes || event.workflowExecutionFailedEventAttributes) return;
      }
      told = (events ?? []).length;
      const { raw } = await handle.describe();
      const missed = raw.pendingActivities?.find((activity) => (activity.attempt ?? 1) > 1)?.lastFailure?.message ?? '';
      if (missed !== '' && missed !== miss) say(`    ${pc.dim(`… ${missed}`)}`);
      miss = missed;
    } catch (error) {
      if (!notThereYet(error)) throw error;
    }
    await sleep(LOOK_EVERY_MS);
  }
}

/** `describe` says it with a class of its own, `fetchHistory` with the bare gRPC status 5 (NOT_FOUND). */
function notThereYet(error: unknown): boolean {
  return error instanceof WorkflowNotFoundError || (isGrpcServiceError(error) && Number(error.code) === 5);
}

function tell(mark: string, begun: Begun | undefined, at: number, why = ''): void {
  if (begun === undefined) return;
  const line = `    ${mark === '✓' ? pc.green(mark) : pc.red(mark)} ${begun.what}`;
  say(`${line.padEnd(78)} ${pc.dim(`${((at - begun.at) / 1000).toFixed(2)} s`)}${why === '' ? '' : ` ${why}`}`);
}
