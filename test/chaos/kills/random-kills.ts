/** Kills workers at random instants, in addition to those at given requests. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { SeededRandom } from '../seeded-random.ts';
import type { WorkerPool } from './worker-pool.ts';

export interface RandomKills {
  /** Processes killed. */
  readonly count: number;
  stop(): Promise<void>;
}

export function startRandomKills(
  workers: WorkerPool,
  random: SeededRandom,
  pauseMs: { readonly least: number; readonly most: number },
): RandomKills {
  const stopping = new AbortController();
  let count = 0;
  const work = async (): Promise<void> => {
    for (;;) {
      await sleep(random.integer(pauseMs.least, pauseMs.most), undefined, { signal: stopping.signal });
      const alive = workers.running();
      if (alive.length > 0 && (await workers.kill(random.oneOf(alive), 'at a random instant'))) count += 1;
    }
  };
  const done = work().catch((error: unknown) => {
    if (!stopping.signal.aborted) throw error;
  });
  return {
    get count() {
      return count;
    },
    stop: async () => {
      stopping.abort();
      await done;
    },
  };
}
