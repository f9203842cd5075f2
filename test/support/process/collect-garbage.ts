import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Collects what nothing refers to, for a test of a WeakRef. Needs real timers. */
export async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc');
  // A reference that was read or made in this turn is kept until its end.
  await nextTurn();
  (runInNewContext('gc') as () => void)();
}
