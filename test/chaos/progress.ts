/** Progress of a run on standard error: a line per kill and step, with the seconds since its start. */
import pc from 'picocolors';

export class Progress {
  readonly #startedAt = performance.now();
  readonly #kills: number;
  #killed = 0;

  /** @param kills number of planned kills. */
  constructor(kills: number) {
    this.#kills = kills;
  }

  get seconds(): number {
    return Math.round((performance.now() - this.#startedAt) / 100) / 10;
  }

  print(line: string): void {
    process.stderr.write(`${pc.dim(`${this.seconds.toFixed(1).padStart(6)} s`)}  ${line}\n`);
  }

  kill(instant: string, phase: string): void {
    this.#killed += 1;
    this.print(`${pc.red('kill -9')} ${this.#killed}/${this.#kills} ${pc.dim(phase)} ${instant}`);
  }
}
