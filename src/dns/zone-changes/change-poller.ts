import { LRUCache } from 'lru-cache';
import { maxEntries } from '../../cache/max-entries.ts';
import { abortable } from '../../network/abortable.ts';

/** What a change takes until it is live, to begin with: a minute is usual at most. */
const INITIAL_EXPECTED_MS = 30_000;
const MIN_EXPECTED_MS = 2_500;
const MAX_EXPECTED_MS = 90_000;

/** Polls of a change after the first: after so much of the time that it has taken. */
const GROWTH = 1 / 3;
const MIN_INTERVAL_MS = 2_500;

/** A wait that is not longer is not worth another attempt of the activity. */
const MAX_WAIT_MS = 1_500;

const MAX_TRACKED_CHANGES = 2_000;

/** A change that the service has accepted. */
export interface PendingChange {
  readonly id: string;
  /** In epoch milliseconds. */
  readonly sentAt: number;
}

interface Tracked {
  live: boolean;
  /** In epoch milliseconds. */
  nextPollAt: number;
  /** How long it had taken when it was last seen pending. */
  pendingAfterMs: number;
  poll?: Promise<boolean>;
}

/**
 * Waits for changes to be live by few requests, which count against the account's rate limit too: the first
 * when changes are usually live, as learned from those before; one at a time for each change, for all its callers.
 */
export class ChangePoller {
  readonly #tracked: LRUCache<string, Tracked, PendingChange>;
  readonly #minIntervalMs: number;
  #expectedMs: number;

  /** @param expectedMs what a change takes, before any was seen. */
  constructor(expectedMs = INITIAL_EXPECTED_MS) {
    this.#expectedMs = expectedMs;
    this.#minIntervalMs = Math.min(MIN_INTERVAL_MS, expectedMs);
    this.#tracked = new LRUCache({
      ...maxEntries(MAX_TRACKED_CHANGES),
      memoMethod: (_id, _stale, { context }) => ({
        live: false,
        nextPollAt: Math.round(context.sentAt + this.#expectedMs),
        pendingAfterMs: 0,
      }),
    });
  }

  /**
   * @param poll whether the change is live; its failure reaches every caller that waits for it.
   * @returns undefined once the change is live; else when to ask again, if that is not within a second or so.
   */
  async waitLive(change: PendingChange, poll: () => Promise<boolean>, signal: AbortSignal): Promise<Date | undefined> {
    const tracked = this.#tracked.memo(change.id, { context: change });
    while (!tracked.live) {
      const wait = tracked.nextPollAt - Date.now();
      if (wait > MAX_WAIT_MS) return new Date(tracked.nextPollAt);
      if (wait > 0) {
        await abortable(new Promise((resolve) => setTimeout(resolve, wait)), signal);
        continue;
      }
      tracked.poll ??= this.#poll(change, tracked, poll).finally(() => delete tracked.poll);
      await abortable(tracked.poll, signal);
    }
    return undefined;
  }

  markLive(id: string): void {
    this.#tracked.set(id, { live: true, nextPollAt: 0, pendingAfterMs: 0 });
  }

  async #poll({ sentAt }: PendingChange, tracked: Tracked, poll: () => Promise<boolean>): Promise<boolean> {
    tracked.live = await poll();
    const tookMs = Date.now() - sentAt;
    if (tracked.live) {
      this.#learn(tookMs, tracked.pendingAfterMs);
    } else {
      tracked.pendingAfterMs = tookMs;
      tracked.nextPollAt = Date.now() + Math.round(Math.max(this.#minIntervalMs, tookMs * GROWTH));
    }
    return tracked.live;
  }

  /** A change that was pending before shows how long it took, within an interval; any other, that it may be less. */
  #learn(tookMs: number, pendingAfterMs: number): void {
    const expected = this.#expectedMs;
    const atLeast = Math.min(tookMs, pendingAfterMs * (1 + GROWTH / 2));
    // A poll that came late, since others were served first, shows nothing.
    const wasPunctual = tookMs < expected * 1.1;
    const next = atLeast > expected ? (expected + atLeast) / 2 : expected * (wasPunctual ? 0.99 : 1);
    this.#expectedMs = Math.min(MAX_EXPECTED_MS, Math.max(MIN_EXPECTED_MS, next));
  }
}
