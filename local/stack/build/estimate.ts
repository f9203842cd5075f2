/** How long the work that is left takes: first by what it took elsewhere, then by the pace of what is done. */
import { availableParallelism } from 'node:os';

/** One thing to make. */
export interface EstimatedTask {
  /** @param fraction of it that is done, 0 to 1; never goes back. */
  advance(fraction: number): void;
}

/** Below this part of the whole, the pace says more about the start than about the machine. */
const MIN_MEASURED_FRACTION = 0.05;

/** An estimate of works that share the cores of this machine. */
export class Estimate {
  readonly #works: { readonly cpuSeconds: number; fraction: number }[] = [];
  readonly #cores: number;
  readonly #now: () => number;
  readonly #begin: number;

  /** @param now milliseconds of a clock that never goes back. */
  constructor(cores = availableParallelism(), now: () => number = () => performance.now()) {
    this.#cores = cores;
    this.#now = now;
    this.#begin = now();
  }

  /** @param cpuSeconds processor seconds that it takes on the machine that the figures come from. */
  add(cpuSeconds: number): EstimatedTask {
    const work = { cpuSeconds, fraction: 0 };
    this.#works.push(work);
    return {
      advance: (fraction) => {
        work.fraction = Math.max(work.fraction, Math.min(fraction, 1));
      },
    };
  }

  /** Seconds until all that was added is done. */
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

/** `about 7 min`, `about 40 s`: as exact as an estimate is. */
export function aboutSeconds(seconds: number): string {
  if (seconds >= 90) return `about ${Math.round(seconds / 60)} min`;
  if (seconds >= 10) return `about ${Math.round(seconds / 10) * 10} s`;
  return 'some seconds';
}
