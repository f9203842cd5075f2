import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { counted } from '../failures/counted.ts';
import { withSlowNote } from './slow-note.ts';
import { isDeadlineExceeded, isSlow, isUnavailable, unreachable } from './temporal-client.ts';

/** Of all attempts, at most. */
const TIMEOUT_MS = 60_000;

/**
 * How long each attempt waits for a worker. The server says that none polls a second before the end of an attempt, where none has
 * polled for 20 s; a query of a workflow that a killed worker had in its memory goes to the others after 10 s:
 * https://github.com/temporalio/temporal/blob/v1.29.1/service/history/api/queryworkflow/api.go
 */
const ATTEMPTS_MS = [10_000, 20_000] as const;
const PAUSE_MS = 1_000;

/**
 * The answer of a worker to a query, or its acceptance of an update. Where workers poll, it waits for a minute: one that has just
 * started replays the workflow first, beside others. @param ask may be repeated, with the same update id.
 * @param timeoutMs where the caller has less than a minute left.
 * @throws CertmanError `temporal/unreachable`, where no worker polls within half a minute; what else `ask` throws.
 */
export async function askWorker<Answer>(
  client: Pick<Client, 'withDeadline'>,
  ask: () => Promise<Answer>,
  timeoutMs = TIMEOUT_MS,
): Promise<Answer> {
  const limitMs = Math.min(TIMEOUT_MS, timeoutMs);
  const deadline = Date.now() + limitMs;
  return await withSlowNote(`No worker has answered yet; waiting up to ${durationText(limitMs)}.`, async () => {
    for (let attempt = 0; ; attempt += 1) {
      const end = Math.min(deadline, Date.now() + (ATTEMPTS_MS[attempt] ?? TIMEOUT_MS));
      try {
        return await client.withDeadline(end, ask);
      } catch (error) {
        if (!isUnavailable(error)) throw error;
        if (!isSlow(error) || Date.now() + PAUSE_MS >= deadline) throw withoutAnswer(error, limitMs);
      }
      await sleep(PAUSE_MS);
    }
  });
}

function withoutAnswer(error: unknown, limitMs: number): Error {
  if (!isDeadlineExceeded(error)) return unreachable(error);
  return unreachable(error, `No worker of this management cluster answers within ${durationText(limitMs)}.`);
}

function durationText(ms: number): string {
  return ms === TIMEOUT_MS ? 'a minute' : counted(Math.max(1, Math.round(ms / 1_000)), 'second');
}
