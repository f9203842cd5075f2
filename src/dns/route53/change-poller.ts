/** Waits for Route 53 changes to be INSYNC: one GetChange at a time per change, shared by all who wait for it. */
import { abortable, sleep } from '../abortable.ts';

/** Between polls of one change; they count against the 5 requests a second too. */
const POLL_INTERVAL_MS = 2_500;

const MAX_TRACKED_CHANGES = 2_000;

interface Poll {
  readonly answer: Promise<boolean>;
  readonly at: number;
}

export class ChangePoller {
  readonly #pollIntervalMs: number;
  readonly #polls = new Map<string, Poll>();
  readonly #inSync = new Set<string>();

  constructor(options: { readonly pollIntervalMs?: number } = {}) {
    this.#pollIntervalMs = options.pollIntervalMs ?? POLL_INTERVAL_MS;
  }

  /**
   * @param ask one GetChange.
   * @returns whether the change is INSYNC; false once `patienceMs` are over.
   */
  async waitInSync(
    changeId: string,
    ask: (changeId: string) => Promise<boolean>,
    options: { readonly patienceMs: number; readonly signal: AbortSignal },
  ): Promise<boolean> {
    const until = performance.now() + options.patienceMs;
    while (!this.#inSync.has(changeId)) {
      if (await abortable(this.#poll(changeId, ask), options.signal)) break;
      if (performance.now() + this.#pollIntervalMs > until) return false;
      await sleep(this.#pollIntervalMs, options.signal);
    }
    return true;
  }

  /** A change that was INSYNC when it was accepted. */
  markInSync(changeId: string): void {
    this.#inSync.add(changeId);
    for (const oldest of this.#inSync) {
      if (this.#inSync.size <= MAX_TRACKED_CHANGES) return;
      this.#inSync.delete(oldest);
    }
  }

  #poll(changeId: string, ask: (changeId: string) => Promise<boolean>): Promise<boolean> {
    const latest = this.#polls.get(changeId);
    // A little less than the interval, so that one whose turn has come is not given the answer of the turn before.
    if (latest !== undefined && performance.now() - latest.at < this.#pollIntervalMs * 0.8) return latest.answer;
    const poll: Poll = { at: performance.now(), answer: this.#askOnce(changeId, ask) };
    this.#polls.set(changeId, poll);
    return poll.answer;
  }

  async #askOnce(changeId: string, ask: (changeId: string) => Promise<boolean>): Promise<boolean> {
    let inSync = false;
    try {
      inSync = await ask(changeId);
      return inSync;
    } catch (error) {
      this.#polls.delete(changeId);
      throw error;
    } finally {
      if (inSync) {
        this.#polls.delete(changeId);
        this.markInSync(changeId);
      } else this.#dropStale();
    }
  }

  /** Polls that nobody came back for: cancelled orders. */
  #dropStale(): void {
    if (this.#polls.size <= MAX_TRACKED_CHANGES) return;
    const oldest = this.#polls.keys().next();
    if (oldest.done !== true) this.#polls.delete(oldest.value);
  }
}
