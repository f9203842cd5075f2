import { CertmanError } from '../../failures/failure.ts';
import { allowedAt, perSecond, type RateLimit, recordUse } from '../../rate-limit/gcra.ts';

/** A caller that would wait longer than this fails, and is retried with its activity. */
const MAX_WAIT_MS = 15_000;

/** A queue that keeps the rate limit of one AWS account; first come, first served. */
export class Route53RateLimiter {
  readonly #limit: RateLimit;
  /** Theoretical arrival time, on the clock of `performance.now()`. */
  #theoreticalArrival: number | undefined;
  #pausedUntil = 0;

  constructor(requestsPerSecond: number) {
    this.#limit = perSecond(requestsPerSecond);
  }

  /** Waits until a request may be sent. @throws CertmanError `dns/throttled` when that is more than 15 s away. */
  async acquire(): Promise<void> {
    const now = performance.now();
    const at = Math.max(this.#pausedUntil, allowedAt(this.#theoreticalArrival, this.#limit, now));
    const wait = at - now;
    if (wait > MAX_WAIT_MS) {
      throw new CertmanError({
        code: 'dns/throttled',
        message: `Route 53 accepts few requests a second from one AWS account, and ${Math.ceil(wait / this.#limit.intervalMs)} are waiting already.`,
        remedy: 'It is retried when a request is allowed soon.',
        notBefore: new Date(Date.now() + wait / 2),
      });
    }
    this.#theoreticalArrival = recordUse(this.#theoreticalArrival, this.#limit, at);
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
  }

  /** Delays every caller: the API has throttled a request. */
  backOff(ms: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, performance.now() + ms);
  }
}
