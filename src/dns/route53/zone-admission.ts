import { queued, type RequestRateLimiter } from '../zone-changes/rate-limiter.ts';

/**
 * Zones of one account whose change may be under way at once, in seconds of its rate limit: more than a minute until
 * INSYNC needs at some 3.5 requests per order, few enough that what is begun is finished within a minute.
 */
const MAX_IN_FLIGHT_SECONDS = 20;

/** A zone whose change is asked for no more stops to count after this: another worker may have seen it INSYNC. */
const IN_FLIGHT_MS = 90_000;

/** A zone that does not come back within this of its instant loses its place. */
const GRACE_MS = 60_000;

const MIN_WAIT_MS = 1_000;

/** Who was there at its turn and was not served comes again soon, so that it is not overtaken by much. */
const SOON_MS = 8_000;

/** Requests of an order to begin with: change, GetChange, withdrawal, and some that are repeated. */
const REQUESTS_PER_ORDER = 3.5;
/** A pause of admissions is no cost of an order. */
const MAX_SAMPLE = 50;
const SMOOTHING = 0.01;
/** They come a little early: a short wait more costs less than an unused turn. */
const EARLINESS = 0.9;

interface Place {
  readonly zone: string;
  readonly since: number;
  /** On the clock of `performance.now()`. */
  dueAt: number;
}

interface InFlight {
  /** Whether its change is sent; before, it waits for its turn in the rate limiter. */
  sent: boolean;
  until: number;
}

/**
 * Decides which zones of an AWS account may begin a change: a bounded number at once, the longest waiting first, and
 * none while requests of begun orders wait. All others get the instant to come again, and wait outside of the worker.
 * Orders that share a zone share its change, and need no place of their own.
 */
export class ZoneAdmission {
  readonly #limiter: RequestRateLimiter;
  readonly #maxInFlight: number;
  /** How many wait in the rate limiter to begin; so many begin at once when none did for a while. */
  readonly #maxStarting: number;
  readonly #inFlight = new Map<string, InFlight>();
  /** Those who wait outside, the longest waiting first. */
  readonly #line: Place[] = [];
  #requestsPerOrder = REQUESTS_PER_ORDER;
  #grantedBefore = 0;
  /** Where the next one begins, unless too many did so lately; on the clock of `performance.now()`. */
  #paceFrom = Number.NEGATIVE_INFINITY;

  constructor(limiter: RequestRateLimiter) {
    this.#limiter = limiter;
    this.#maxStarting = Math.ceil(limiter.maxWaiting / 2);
    this.#maxInFlight = Math.max(1, Math.round((MAX_IN_FLIGHT_SECONDS * 1_000) / limiter.intervalMs));
  }

  /**
   * Call {@link sent} or {@link leave} when it is done.
   * @param since when the order began to wait, in epoch milliseconds, on whichever worker.
   * @throws CertmanError `dns/queued` with the instant of its turn.
   */
  enter(zone: string, since: number): void {
    const now = performance.now();
    this.#forget(now);
    if (this.#inFlight.has(zone)) return;
    const ahead = this.#placesAhead(zone, since);
    const free = this.#free(now);
    // Who comes at its turn does not wait for those that were given a later one, or are late. A new one does.
    const soon = now + this.#paceMs();
    const isBack = this.#line[ahead]?.zone === zone;
    const before = isBack ? this.#countDue(ahead, soon) : ahead;
    if (before < free) {
      this.#learn(now);
      this.#leaveLine(zone);
      this.#inFlight.set(zone, { sent: false, until: now + IN_FLIGHT_MS });
      return;
    }
    const exactMs = (ahead - free + 1) * this.#paceMs();
    const waitMs = Math.max(MIN_WAIT_MS, isBack ? Math.min(exactMs, SOON_MS + exactMs / 4) : exactMs);
    this.#wait({ zone, since, dueAt: now + waitMs });
    throw queued(
      `Route 53 accepts few requests a second from one AWS account: ${ahead} other zones of it are to be changed first.`,
      waitMs,
    );
  }

  /** Its change is under way. */
  sent(zone: string): void {
    const entry = this.#inFlight.get(zone);
    if (entry !== undefined) Object.assign(entry, { sent: true, until: performance.now() + IN_FLIGHT_MS });
  }

  /** Its change is INSYNC, or given up. */
  leave(zone: string): void {
    this.#inFlight.delete(zone);
    this.#leaveLine(zone);
  }

  #placesAhead(zone: string, since: number): number {
    const own = this.#line.findIndex((place) => place.zone === zone);
    if (own !== -1) return own;
    const behind = this.#line.findIndex((place) => place.since > since);
    return behind === -1 ? this.#line.length : behind;
  }

  /** How many of the first in the line are to come by then. */
  #countDue(places: number, by: number): number {
    return this.#line.slice(0, places).filter(({ dueAt }) => dueAt <= by).length;
  }

  /** How many may begin now. */
  #free(now: number): number {
    const starting = [...this.#inFlight.values()].filter(({ sent }) => !sent).length;
    const turns = this.#maxStarting - starting - this.#limiter.waitingToContinue;
    const due = Math.floor((now - this.#paceFrom) / this.#paceMs());
    return Math.max(0, Math.min(turns, this.#maxInFlight - this.#inFlight.size, due));
  }

  /** From one beginning to the next. */
  #paceMs(): number {
    return this.#requestsPerOrder * this.#limiter.intervalMs * EARLINESS;
  }

  /** One begins. */
  #learn(now: number): void {
    this.#paceFrom = Math.max(this.#paceFrom, now - this.#maxStarting * this.#paceMs()) + this.#paceMs();
    const requests = Math.min(MAX_SAMPLE, this.#limiter.granted - this.#grantedBefore);
    this.#grantedBefore = this.#limiter.granted;
    // Several that begin together share what was granted since the last one: their mean is what matters.
    this.#requestsPerOrder = Math.max(1, this.#requestsPerOrder + SMOOTHING * (requests - this.#requestsPerOrder));
  }

  #wait(place: Place): void {
    const known = this.#line.find(({ zone }) => zone === place.zone);
    if (known !== undefined) {
      known.dueAt = place.dueAt;
      return;
    }
    this.#line.splice(this.#placesAhead(place.zone, place.since), 0, place);
  }

  #leaveLine(zone: string): void {
    const index = this.#line.findIndex((place) => place.zone === zone);
    if (index !== -1) this.#line.splice(index, 1);
  }

  #forget(now: number): void {
    for (const [zone, { until }] of this.#inFlight) if (until <= now) this.#inFlight.delete(zone);
    for (let index = this.#line.length - 1; index >= 0; index--) {
      if ((this.#line[index]?.dueAt ?? 0) + GRACE_MS <= now) this.#line.splice(index, 1);
    }
  }
}
