import { CertmanError } from '../failures/failure.ts';

/** What a step may still take of an attempt. Milliseconds. */
export class TimeLeft {
  readonly #until: number;

  /** @param ms of the whole attempt. */
  constructor(ms: number) {
    this.#until = performance.now() + ms;
  }

  /** At most `ms`, and no more than is left. */
  upTo(ms: number): number {
    return Math.max(0, Math.min(ms, this.#until - performance.now()));
  }
}

/**
 * Runs `work` with a signal that ends with `signal`, or after `ms`.
 * @throws what `work` throws; CertmanError `acme/unreachable` when the time is over: the CA did not do it.
 */
export async function withinTime<Result>(
  ca: string,
  ms: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const expired = new AbortController();
  const seconds = Math.round(ms / 1_000);
  const message = `The CA ${ca} has not taken the order within ${seconds} s, which is the time for each CA.`;
  const timer = setTimeout(() => expired.abort(new CertmanError({ code: 'acme/unreachable', message })), ms);
  try {
    return await work(AbortSignal.any([signal, expired.signal]));
  } catch (error) {
    if (expired.signal.aborted && !signal.aborted && error !== expired.signal.reason) throw expired.signal.reason;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
