/** The steps of a run: each with an estimate while it runs and its time afterwards, and the last line of JSON for scripts. */
import { aboutSeconds } from '../stack/build/estimate.ts';
import { progressOn } from '../stack/progress.ts';

export interface Step {
  readonly name: string;
  readonly seconds: number;
}

/** Everything that a run shows; on a terminal, what runs stays below what is done. */
export const progress = progressOn(process.stdout);

export class Steps {
  readonly #done: Step[] = [];
  readonly #begin = Date.now();

  /**
   * Runs a step and shows how long it takes; a failure is shown and thrown on.
   * @param seconds how long it takes on two cores; undefined for work that shows its own progress.
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

  /** The line that ends a run. */
  summary(ok: boolean, more: Readonly<Record<string, unknown>> = {}): string {
    return JSON.stringify({ ok, seconds: (Date.now() - this.#begin) / 1000, steps: this.#done, ...more });
  }
}

export function print(line = ''): void {
  progress.note(line);
}
