import { poll } from '../../../local/stack/poll.ts';
import { processStartTime } from '../../../local/stack/process/process-start-time.ts';
import { WAIT_TIMEOUT_MS } from '../vitest/timeouts.ts';

const POLL_INTERVAL_MS = 50;

/** Waits until processes have exited. @returns the ids of those that still run after the timeout. */
export async function waitForExit(pids: readonly number[]): Promise<readonly number[]> {
  let running = pids;
  const check = async (): Promise<true | undefined> => {
    const found = await Promise.all(
      running.map(async (pid) => ((await processStartTime(pid)) === undefined ? [] : [pid])),
    );
    running = found.flat();
    return running.length === 0 ? true : undefined;
  };
  await poll(check, { timeoutMs: WAIT_TIMEOUT_MS, intervalMs: POLL_INTERVAL_MS });
  return running;
}
