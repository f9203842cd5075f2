/**
 * The rate algorithm of gcra.ts ahead of time: which order uses which token of a limit, before the token is there. Pure.
 *
 * A token arrives every interval and stays while fewer than `burst` came after it. Orders that use different tokens, each
 * while it is there, never exceed the limit, in whatever order they come and go.
 */
import { allowedAt, type RateLimit, recordUse } from './gcra.ts';
import { FREE, SlotTree, USED } from './slot-tree.ts';

/** Tokens that a limit of very many a week keeps at most: its rate is that of the limit, only its burst is smaller. */
const MAX_BURST = 10_000;

/**
 * One in fifty tokens is left unused. Orders reach the CA seconds after they were allowed to, and not all as late: two
 * of them can be closer together there.
 */
const UNUSED_SHARE = 1 / 50;

/** A token of a calendar. */
export interface Slot {
  readonly index: number;
  /** When an order can use it: epoch milliseconds, not before the instant that was asked for. */
  readonly at: number;
}

/** A calendar as plain data; instants are epoch milliseconds. */
export interface SlotCalendarState {
  /** Of the limit that it was planned by. */
  readonly intervalMs: number;
  /** Instant of slot 0. */
  readonly origin: number;
  /** First slot that exists; null: all do. */
  readonly first: number | null;
  /** Theoretical arrival of what was used. */
  readonly arrival: number | null;
  /** Slots that were used, as runs: first slot, number of slots, and so on. */
  readonly used: readonly number[];
}

/** The tokens of one limit and who holds them. `Holder`: what waits for a token. */
export class SlotCalendar<Holder> {
  readonly #limit: RateLimit;
  readonly #tree = new SlotTree();
  readonly #holders = new Map<number, Holder>();
  #origin: number;
  #first = Number.NEGATIVE_INFINITY;
  #arrival: number | undefined;

  /** @param limit as the CA documents it. @param state of an earlier calendar; undefined: nothing was used. */
  constructor(limit: RateLimit, now: number, state?: SlotCalendarState) {
    this.#limit = plannedLimit(limit);
    this.#origin = state?.origin ?? now;
    this.#first = state?.first ?? Number.NEGATIVE_INFINITY;
    this.#arrival = state?.arrival ?? undefined;
    if (state !== undefined && state.intervalMs !== limit.intervalMs) {
      // The limit was changed: as many are used as were.
      if (state.arrival !== null) this.#restart(now + ((state.arrival - now) * limit.intervalMs) / state.intervalMs);
      return;
    }
    const used = state?.used ?? [];
    this.#tree.reset(this.#firstIndex(now));
    for (let run = 0; run + 1 < used.length; run += 2) {
      const [start = 0, length = 0] = [used[run], used[run + 1]];
      for (let index = start; index < start + length; index += 1) this.#tree.set(index, USED);
    }
  }

  /** Orders that hold a slot. */
  get waiting(): number {
    return this.#tree.held;
  }

  /** Whether it says no more than a new calendar would, but for who waits. */
  isUnused(now: number): boolean {
    return (this.#arrival ?? now) <= now && this.#origin <= now;
  }

  /** The first slot for an order at `at` or later that is free, else held by one with a larger key. */
  earliest(at: number, key: number): Slot {
    const first = this.#firstIndex(at);
    const free = this.#slot(this.#tree.firstAbove(first, Number.MAX_VALUE), at);
    return free.at === at ? free : this.#slot(this.#tree.firstAbove(first, key), at);
  }

  /** @returns who holds the slot. */
  holder(index: number): Holder | undefined {
    return this.#holders.get(index);
  }

  hold(index: number, key: number, holder: Holder): void {
    this.#tree.set(index, key);
    this.#holders.set(index, holder);
  }

  release(index: number): void {
    this.#tree.set(index, FREE);
    this.#holders.delete(index);
  }

  /** The order that holds the slot is placed now. */
  use(index: number, now: number): void {
    this.#holders.delete(index);
    this.#tree.set(index, USED);
    this.#arrival = recordUse(this.#arrival, this.#limit, now);
  }

  /** @returns how many orders that hold slots come before this one. */
  before(index: number): number {
    return this.#tree.heldBefore(index);
  }

  /** Tokens that could be used now, held ones included. */
  left(now: number): number {
    const { burst, intervalMs } = this.#limit;
    const ahead = Math.max(0, (this.#arrival ?? now) - now);
    return Math.max(0, Math.min(burst, Math.floor(burst - ahead / intervalMs)));
  }

  /** How many tokens there are when none was used for a while. */
  get burst(): number {
    return this.#limit.burst;
  }

  /** After each of these, one more token is there. Milliseconds. */
  get intervalMs(): number {
    return this.#limit.intervalMs;
  }

  /** When the next order would be allowed if no order waited. */
  nextFree(now: number): number {
    return Math.ceil(allowedAt(this.#arrival, this.#limit, now));
  }

  /** Nothing is allowed before `until`, and what was used follows from that. Every held slot must have been released. */
  blockUntil(until: number): void {
    this.#restart(until + (this.#limit.burst - 1) * this.#limit.intervalMs);
  }

  /** What was used before there was a calendar. @param instants in ascending order. */
  usedBefore(instants: readonly number[]): void {
    let arrival = this.#arrival;
    for (const at of instants) arrival = recordUse(arrival, this.#limit, at);
    if (arrival !== undefined) this.#restart(arrival);
  }

  /** Forgets what no longer matters. */
  advance(now: number): void {
    if (this.waiting > 0 || !this.isUnused(now)) {
      this.#tree.forgetBefore(this.#firstIndex(now));
      return;
    }
    this.#origin = now;
    this.#first = Number.NEGATIVE_INFINITY;
    this.#arrival = undefined;
    this.#tree.reset(this.#firstIndex(now));
  }

  toState(): SlotCalendarState {
    return {
      intervalMs: this.#limit.intervalMs,
      origin: this.#origin,
      first: this.#first === Number.NEGATIVE_INFINITY ? null : this.#first,
      arrival: this.#arrival ?? null,
      used: this.#tree.usedRuns(),
    };
  }

  #slot(index: number, at: number): Slot {
    return { index, at: Math.max(at, Math.ceil(this.#origin + index * this.#limit.intervalMs)) };
  }

  #restart(arrival: number): void {
    this.#arrival = arrival;
    this.#origin = arrival - (this.#limit.burst - 1) * this.#limit.intervalMs;
    this.#first = 0;
    this.#tree.reset(0);
    this.#holders.clear();
  }

  /** The oldest token that is still there at `at`. */
  #firstIndex(at: number): number {
    const { burst, intervalMs } = this.#limit;
    return Math.max(this.#first, Math.ceil((at - this.#origin) / intervalMs - 1e-6) - (burst - 1));
  }
}

/** The limit by which orders are planned. */
export function plannedLimit({ burst, intervalMs }: RateLimit): RateLimit {
  return { burst: Math.min(MAX_BURST, burst - Math.floor(burst * UNUSED_SHARE)), intervalMs };
}
