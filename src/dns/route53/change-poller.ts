import { setTimeout as sleep } from 'node:timers/promises';
import { LoadingCache } from '../../cache/loading-cache.ts';
import { abortable } from '../abortable.ts';

/** Between polls of one change, which count against the account's rate limit too. */
const POLL_INTERVAL_MS = 2_500;

/** How long an activity waits before it leaves the waiting to its retry. */
const MAX_WAIT_MS = 5_000;

const MAX_TRACKED_CHANGES = 2_000;
const FOREVER_MS = Number.MAX_SAFE_INTEGER;

/** Waits for Route 53 changes to be INSYNC: one GetChange at a time for each change, shared by all its callers. */
export class ChangePoller {
  readonly #pollIntervalMs: number;
  readonly #inSync = new LoadingCache<boolean>({ max: MAX_TRACKED_CHANGES, ttlMs: FOREVER_MS });

  constructor(pollIntervalMs = POLL_INTERVAL_MS) {
    this.#pollIntervalMs = pollIntervalMs;
  }

  /** @returns whether the change is INSYNC; false after some seconds. */
  async waitInSync(changeId: string, poll: () => Promise<boolean>, signal: AbortSignal): Promise<boolean> {
    const until = performance.now() + MAX_WAIT_MS;
    // Less than the interval, so that no caller gets the answer that it got one interval ago.
    const ttlMs = (inSync: boolean): number => (inSync ? FOREVER_MS : this.#pollIntervalMs * 0.8);
    while (!(await abortable(this.#inSync.get(changeId, poll, ttlMs), signal))) {
      if (performance.now() + this.#pollIntervalMs > until) return false;
      await sleep(this.#pollIntervalMs, undefined, { signal });
    }
    return true;
  }

  markInSync(changeId: string): void {
    this.#inSync.set(changeId, true, FOREVER_MS);
  }
}
