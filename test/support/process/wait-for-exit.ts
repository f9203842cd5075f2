/** Whether processes are there, by their ids. */
import { setTimeout as sleep } from 'node:timers/promises';
import { processStartTime } from '../../../local/stack/process/process-start-time.ts';
import { WAIT_TIMEOUT_MS } from '../vitest/timeouts.ts';

const POLL_INTERVAL_MS = 50;

/** Waits until they are gone. @returns the ids of those that are still there: none, if all is well. */
export async function waitForExit(pids: readonly number[]): Promise<readonly number[]> {
  let alive = pids;
  const giveUp = performance.now() + WAIT_TIMEOUT_MS;
  while (alive.length > 0 && performance.now() < giveUp) {
    const found = await Promise.all(
      alive.map(async (pid) => ((await processStartTime(pid)) === undefined ? [] : [pid])),
    );
    alive = found.flat();
    if (alive.length > 0) await sleep(POLL_INTERVAL_MS);
  }
  return alive;
}
