import { BATCH_LIMITS, type BatchLimits, type TxtRequest } from './change-batch.ts';
import { quoteTxt } from './quote-txt.ts';

/** How long a zone that was not changed lately collects: requests that belong together come within this. */
const INITIAL_WINDOW_MS = 100;

/** Requests count as load for so long. */
const LOAD_MS = 10_000;
/** An order publishes and withdraws; so few requests within {@link LOAD_MS} wait for no others. */
const UNLOADED_REQUESTS = 4;
/** What each further one adds to the time between changes. */
const WINDOW_PER_REQUEST_MS = 200;

/** Of the requests that an account allows, the changes of one zone take this share at most while the window is shorter. */
const SHARE_OF_REQUESTS = 1 / 20;

/** How long a zone collects at most: an account that allows more requests has its orders wait less. @param maxMs as configured. */
export function batchWindowFor(maxMs: number, requestsPerSecond: number): number {
  return Math.min(maxMs, 1_000 / (requestsPerSecond * SHARE_OF_REQUESTS));
}

/** Requests of one round, so that it reads and plans a bounded number of names. */
export const MAX_ROUND_SIZE = 400;

/**
 * Decides when the changes of a zone are sent that were collected so far. A single order is sent at once. The more requests
 * came lately, the longer each change waits after the one before, up to the window, so that the requests to the service
 * grow with time and not with the number of orders. Withdrawals, which no order waits for, wait twice as long for a
 * publication to go with. What fills a change is sent at once. All instants are in milliseconds on one clock.
 */
export class BatchPace {
  readonly #windowMs: number;
  readonly #maxArrivals: number;
  /** Of the latest requests, no more than decide. */
  readonly #arrivals: number[] = [];
  #sentAt = Number.NEGATIVE_INFINITY;
  #firstAt = 0;
  #requests = 0;
  #publications = 0;
  #elements = 0;
  #characters = 0;

  /** @param windowMs from one change to the next, at most. */
  constructor(windowMs: number) {
    this.#windowMs = windowMs;
    this.#maxArrivals = UNLOADED_REQUESTS + Math.ceil(windowMs / WINDOW_PER_REQUEST_MS);
  }

  /** A request was collected. */
  add(request: TxtRequest, now: number): void {
    if (this.#requests === 0) this.#firstAt = now;
    this.#count(request, 1);
    this.#arrivals.push(now);
    if (this.#arrivals.length > this.#maxArrivals) this.#arrivals.shift();
  }

  /** A request is no longer collected: it is sent, or was aborted. */
  remove(request: TxtRequest): void {
    this.#count(request, -1);
  }

  /** The collected requests are being sent. */
  sending(now: number): void {
    this.#sentAt = now;
    this.#firstAt = now;
  }

  /** When what is collected is to be sent, as far as is known at `now`. */
  dueAt(now: number): number {
    if (this.#isFull()) return now;
    const spacing = this.#spacingMs(now) * (this.#publications > 0 ? 1 : 2);
    const initial = this.#firstAt + Math.min(INITIAL_WINDOW_MS, this.#windowMs);
    return Math.max(initial, this.#sentAt + Math.min(this.#windowMs, spacing));
  }

  #isFull(): boolean {
    const { elements, characters } = BATCH_LIMITS;
    return this.#requests >= MAX_ROUND_SIZE || this.#elements >= elements || this.#characters >= characters;
  }

  #spacingMs(now: number): number {
    const recent = this.#arrivals.filter((at) => now - at < LOAD_MS).length;
    return Math.max(0, recent - UNLOADED_REQUESTS) * WINDOW_PER_REQUEST_MS;
  }

  #count(request: TxtRequest, sign: 1 | -1): void {
    const { elements, characters } = sizeOf(request);
    this.#requests += sign;
    if (request.action === 'publish') this.#publications += sign;
    this.#elements += sign * elements;
    this.#characters += sign * characters;
  }
}

/** What a request counts at names that have no other values. */
function sizeOf({ records }: TxtRequest): BatchLimits {
  return {
    elements: records.length,
    characters: records.reduce((sum, { value }) => sum + quoteTxt(value).length, 0),
  };
}
