/** Steps of a run: each with an estimate while it runs and its duration afterwards, and the last line as JSON. */
import { aboutSeconds } from '../stack/build/estimate.ts';
import { progressOn } from '../stack/progress.ts';

/** A completed step. */
export interface Step {
  readonly name: string;
  readonly seconds: number;
}

/** Progress on standard output. */
export const progress = progressOn(process.stdout);

/** Runs and records steps. */
export class Steps {
  readonly #done: Step[] = [];
  readonly #begin = Date.now();

  /**
   * Runs a step and shows its progress.
   * @param seconds duration on two cores; undefined for work that shows its own progress. @throws what the work throws.
   */
  async run<T>(name: string, seconds: number | undefined, work: () => Promise<T>): Promise<T> {
    const begin = Date.now();
    const item = seconds === undefined ? undefined : progress.begin(name, `takes ${aboutSeconds(seconds)}`);
    try {
      const result = await work();
      item?.done();
      this.#done.push({ name, seconds: (Date.now() - begin) / 1000 });
      return result;
    } catch (error) {
      item?.failed();
      throw error;
    }
  }

  /** Last line of a run, as JSON. */
  summary(ok: boolean, more: Readonly<Record<string, unknown>> = {}): string {
    return JSON.stringify({ ok, seconds: (Date.now() - this.#begin) / 1000, steps: this.#done, ...more });
  }
}

/** Prints a line above running steps. */
export function print(line = ''): void {
  progress.note(line);
}
