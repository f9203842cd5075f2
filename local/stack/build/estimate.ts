/** Estimates the time of the remaining work: first by measured CPU seconds, then by the speed so far. */
import { availableParallelism } from 'node:os';

/** One task of an {@link Estimate}. */
export interface EstimatedTask {
  /** @param fraction that is done, 0 to 1; lower values than before are ignored. */
  advance(fraction: number): void;
}

/** Below this fraction, the speed so far is not representative. */
const MIN_MEASURED_FRACTION = 0.05;

/** Estimates tasks that share the cores of this machine. */
export class Estimate {
  readonly #works: { readonly cpuSeconds: number; fraction: number }[] = [];
  readonly #cores: number;
  readonly #now: () => number;
  readonly #begin: number;

  /** @param now milliseconds of a monotonic clock. */
  constructor(cores = availableParallelism(), now: () => number = () => performance.now()) {
    this.#cores = cores;
    this.#now = now;
    this.#begin = now();
  }

  /** Adds a task. @param cpuSeconds CPU seconds on the machine where they were measured. */
  add(cpuSeconds: number): EstimatedTask {
    const work = { cpuSeconds, fraction: 0 };
    this.#works.push(work);
    return {
      advance: (fraction) => {
        work.fraction = Math.max(work.fraction, Math.min(fraction, 1));
      },
    };
  }

  /** Seconds until all tasks are done. */
  remainingSeconds(): number {
    const total = this.#sum(({ cpuSeconds }) => cpuSeconds);
    const done = this.#sum(({ cpuSeconds, fraction }) => cpuSeconds * fraction);
    const elapsedSeconds = (this.#now() - this.#begin) / 1000;
    const measured = done >= total * MIN_MEASURED_FRACTION && elapsedSeconds > 0;
    const pace = measured ? done / elapsedSeconds : this.#cores;
    return (total - done) / pace;
  }

  #sum(of: (work: { readonly cpuSeconds: number; readonly fraction: number }) => number): number {
    return this.#works.reduce((sum, work) => sum + of(work), 0);
  }
}

/** Rounded text of an estimate: `about 7 min`, `about 40 s`. */
export function aboutSeconds(seconds: number): string {
  if (seconds >= 90) return `about ${Math.round(seconds / 60)} min`;
  if (seconds >= 10) return `about ${Math.round(seconds / 10) * 10} s`;
  return 'some seconds';
}
