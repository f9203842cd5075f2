import { LoadingCache } from '../../cache/loading-cache.ts';
import { abortable, sleep } from '../abortable.ts';

/** Between polls of one change, which count against the account's rate limit too. */
const POLL_INTERVAL_MS = 2_500;

const MAX_TRACKED_CHANGES = 2_000;

/** Waits for Route 53 changes to be INSYNC: one GetChange at a time for each change, shared by all its callers. */
export class ChangePoller {
  readonly #pollIntervalMs: number;
  readonly #inSync: LoadingCache<boolean>;

  constructor(pollIntervalMs = POLL_INTERVAL_MS) {
    this.#pollIntervalMs = pollIntervalMs;
    // Less than the interval, so that no caller gets the answer that it got one interval ago.
    this.#inSync = new LoadingCache({ max: MAX_TRACKED_CHANGES, ttlMs: pollIntervalMs * 0.8 });
  }

  /** @returns whether the change is INSYNC; false once `patienceMs` are over. */
  async waitInSync(
    changeId: string,
    poll: (changeId: string) => Promise<boolean>,
    options: { readonly patienceMs: number; readonly signal: AbortSignal },
  ): Promise<boolean> {
    const until = performance.now() + options.patienceMs;
    while (!(await abortable(this.#poll(changeId, poll), options.signal))) {
      if (performance.now() + this.#pollIntervalMs > until) return false;
      await sleep(this.#pollIntervalMs, options.signal);
    }
    return true;
  }

  markInSync(changeId: string): void {
    this.#inSync.set(changeId, true, Number.POSITIVE_INFINITY);
  }

  async #poll(changeId: string, poll: (changeId: string) => Promise<boolean>): Promise<boolean> {
    const inSync = await this.#inSync.get(changeId, () => poll(changeId));
    if (inSync) this.markInSync(changeId);
    return inSync;
  }
}
