/**
 * Spaces out the requests of all callers to one AWS account: 5 a second (Route 53 developer guide, "Quotas").
 * First come, first served; a caller whose turn is too far off is sent away instead of being kept.
 */
import { CertmanError } from '../../failures/failure.ts';
import { sleep } from '../abortable.ts';

/** A caller that would wait longer than this comes back by the activity's retry. */
const MAX_WAIT_MS = 15_000;

export class Route53RateLimiter {
  readonly #intervalMs: number;
  readonly #burstMs: number;
  /** When the next request is due if the account has been idle long enough; GCRA's theoretical arrival time. */
  #due = 0;
  #pausedUntil = 0;

  /** @param perSecond requests a second; one second's worth may come at once. */
  constructor(perSecond: number) {
    this.#intervalMs = 1_000 / perSecond;
    this.#burstMs = Math.max(0, 1_000 - this.#intervalMs);
  }

  /** Returns when a request may be sent. @throws CertmanError `dns/throttled` when that is more than 15 s away. */
  async acquire(signal?: AbortSignal): Promise<void> {
    const now = performance.now();
    const at = Math.max(now, this.#pausedUntil, this.#due - this.#burstMs);
    if (at - now > MAX_WAIT_MS) {
      throw new CertmanError({
        code: 'dns/throttled',
        message: `Route 53 takes few requests a second from one AWS account, and ${Math.ceil((at - now) / this.#intervalMs)} are waiting already.`,
        remedy: 'It is tried again when its turn is near.',
        notBefore: new Date(Date.now() + (at - now) / 2),
      });
    }
    this.#due = Math.max(at, this.#due) + this.#intervalMs;
    await sleep(at - now, signal);
  }

  /** Nobody's turn comes for a while: the API said that it has had enough. */
  backOff(ms: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, performance.now() + ms);
  }
}
