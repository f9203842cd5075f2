/** Whether processes are there, by their ids. */
import { setTimeout as sleep } from 'node:timers/promises';
import { identityOf } from '../../local/process/identity.ts';

const LOOKS = 200;
const LOOK_AGAIN_MS = 50;

/** Waits ten seconds at most. @returns the ids of those that are still there: none, if all is well. */
export async function untilGone(pids: readonly number[]): Promise<readonly number[]> {
  let alive = pids;
  for (let look = 0; look < LOOKS && alive.length > 0; look += 1) {
    const found = await Promise.all(alive.map(async (pid) => ((await identityOf(pid)) === undefined ? [] : [pid])));
    alive = found.flat();
    if (alive.length > 0) await sleep(LOOK_AGAIN_MS);
  }
  return alive;
}
