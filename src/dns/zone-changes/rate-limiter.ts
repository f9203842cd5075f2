import { CertmanError } from '../../failures/failure.ts';
import { allowedAt, perSecond, type RateLimit, recordUse } from '../../rate-limit/gcra.ts';

/**
 * Who is served first. `next`: what an admitted publication or a round under way needs to go on: a read after a refused
 * change, or a change after a read, so that what a request found out is used before it is out of date. Then `change`,
 * `poll` (whether a change is live) and `read` (everything else of an order): what is begun is finished before more is begun.
 * `sweep`: no order waits for it.
 */
const PRECEDENCES = ['next', 'change', 'poll', 'read', 'sweep'] as const;

/** One of {@link PRECEDENCES}. */
export type Precedence = (typeof PRECEDENCES)[number];

/** A caller waits no longer than about this, since it occupies an activity slot of the worker; then it fails. */
const MAX_WAIT_MS = 4_000;
const MIN_QUEUE = 4;

interface Waiter {
  readonly precedence: Precedence;
  readonly turn: PromiseWithResolvers<void>;
}

/** A short queue that keeps the rate limit of one account; by precedence, then first come, first served. */
export class RequestRateLimiter {
  /** How many wait at most. */
  readonly maxWaiting: number;
  readonly #limit: RateLimit;
  /** In the order in which they are served. */
  readonly #queue: Waiter[] = [];
  /** Theoretical arrival time, on the clock of `performance.now()`. */
  #theoreticalArrival: number | undefined;
  #pausedUntil = 0;
  #timer: NodeJS.Timeout | undefined;
  /** The last instant given to a refused caller. */
  #announced = 0;
  #granted = 0;

  constructor(requestsPerSecond: number) {
    this.#limit = perSecond(requestsPerSecond);
    this.maxWaiting = Math.max(MIN_QUEUE, Math.floor(MAX_WAIT_MS / this.#limit.intervalMs));
  }

  /** Milliseconds from one request to the next. */
  get intervalMs(): number {
    return this.#limit.intervalMs;
  }

  /** Requests that were allowed so far. */
  get granted(): number {
    return this.#granted;
  }

  /** How many wait for a turn that comes before that of a new caller who begins something. */
  get waitingToContinue(): number {
    return this.#queue.filter(({ precedence }) => precedence === 'next' || precedence === 'poll').length;
  }

  /**
   * Waits until a request may be sent.
   * @throws CertmanError `dns/queued` when too many wait that are served before: `notBefore` is a turn of its own.
   */
  acquire(precedence: Precedence): Promise<void> {
    const waiter: Waiter = { precedence, turn: Promise.withResolvers() };
    const rank = PRECEDENCES.indexOf(precedence);
    const behind = this.#queue.findIndex((other) => PRECEDENCES.indexOf(other.precedence) > rank);
    this.#queue.splice(behind === -1 ? this.#queue.length : behind, 0, waiter);
    this.#serve();
    if (this.#queue.length > this.maxWaiting) this.#queue.pop()?.turn.reject(this.#refusal());
    return waiter.turn.promise;
  }

  /** Delays every caller: the API has throttled a request. */
  backOff(ms: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, performance.now() + ms);
  }

  #serve(): void {
    clearTimeout(this.#timer);
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      const now = performance.now();
      const wait = this.#allowedAt(now) - now;
      if (wait > 0) {
        this.#timer = setTimeout(() => this.#serve(), Math.ceil(wait));
        return;
      }
      this.#theoreticalArrival = recordUse(this.#theoreticalArrival, this.#limit, now);
      this.#granted++;
      this.#queue.shift();
      next.turn.resolve();
    }
  }

  #allowedAt(now: number): number {
    return Math.max(this.#pausedUntil, allowedAt(this.#theoreticalArrival, this.#limit, now));
  }

  /** Each gets another instant, so that they do not come back together. */
  #refusal(): CertmanError {
    const now = performance.now();
    const { intervalMs } = this.#limit;
    this.#announced = Math.max(this.#allowedAt(now) + this.#queue.length * intervalMs, this.#announced + intervalMs);
    return queued(
      `The DNS service accepts few requests a second from one account, and ${this.#queue.length} are waiting already.`,
      this.#announced - now,
    );
  }
}

/** The failure of a caller whose turn is `waitMs` away. */
export function queued(message: string, waitMs: number): CertmanError {
  return new CertmanError({
    code: 'dns/queued',
    message,
    remedy: 'Nothing: certman continues when it is its turn.',
    notBefore: new Date(Date.now() + waitMs),
  });
}
