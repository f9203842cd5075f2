/** The steps of a run: what each is called, how long it took, and the last line of JSON that scripts read. */
import pc from 'picocolors';

export interface Step {
  readonly name: string;
  readonly seconds: number;
}

export class Steps {
  readonly #done: Step[] = [];
  readonly #begin = Date.now();

  /** Runs a step, says how long it took; a failure is said and thrown on. */
  async run<T>(name: string, work: () => Promise<T>): Promise<T> {
    const begin = Date.now();
    process.stdout.write(`${pc.cyan('▸')} ${name}\n`);
    try {
      const result = await work();
      const seconds = (Date.now() - begin) / 1000;
      this.#done.push({ name, seconds });
      process.stdout.write(`${pc.green('✓')} ${name} ${pc.dim(`${seconds.toFixed(1)} s`)}\n`);
      return result;
    } catch (error) {
      process.stdout.write(`${pc.red('✗')} ${name} ${pc.dim(`after ${((Date.now() - begin) / 1000).toFixed(1)} s`)}\n`);
      throw error;
    }
  }

  /** The line that ends a run. */
  summary(ok: boolean, more: Readonly<Record<string, unknown>> = {}): string {
    return JSON.stringify({ ok, seconds: (Date.now() - this.#begin) / 1000, steps: this.#done, ...more });
  }
}

export function say(line = ''): void {
  process.stdout.write(`${line}\n`);
}
