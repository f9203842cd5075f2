/** Whether processes are there, by their ids. */
import { setTimeout as sleep } from 'node:timers/promises';
import { identityOf } from '../../local/process/identity.ts';
import { PATIENCE_MS } from './patience.ts';

const LOOK_AGAIN_MS = 50;

/** Waits until they are gone. @returns the ids of those that are still there: none, if all is well. */
export async function untilGone(pids: readonly number[]): Promise<readonly number[]> {
  let alive = pids;
  const giveUp = performance.now() + PATIENCE_MS;
  while (alive.length > 0 && performance.now() < giveUp) {
    const found = await Promise.all(alive.map(async (pid) => ((await identityOf(pid)) === undefined ? [] : [pid])));
    alive = found.flat();
    if (alive.length > 0) await sleep(LOOK_AGAIN_MS);
  }
  return alive;
}
