/** The workers of a run, who of them made a connection, and a record of every kill. */
import type { ConnectionOwner } from '../relays/exchange.ts';
import { processOfConnection } from '../relays/socket-owner.ts';
import type { MortalWorker } from './mortal-worker.ts';

export interface Kill {
  /** The life that it ended, as in `worker-1 life 3`. */
  readonly life: string;
  /** What the worker was about, in words. */
  readonly instant: string;
  /** `performance.now()` at the signal. */
  readonly at: number;
}

export class Workforce {
  readonly #workers: readonly MortalWorker[];
  readonly #kills: Kill[] = [];

  constructor(workers: readonly MortalWorker[]) {
    this.#workers = workers;
  }

  get kills(): readonly Kill[] {
    return this.#kills;
  }

  /** Lives under way. */
  alive(): readonly string[] {
    return this.#workers.flatMap(({ life }) => life ?? []);
  }

  readonly ownerOf: ConnectionOwner = ({ remotePort, localPort }) => {
    if (remotePort === undefined || localPort === undefined) return undefined;
    const running = this.#workers.filter(({ pid }) => pid !== undefined);
    const pid = processOfConnection(
      remotePort,
      localPort,
      running.flatMap((worker) => worker.pid ?? []),
    );
    return running.find((worker) => worker.pid === pid)?.life;
  };

  /** SIGKILL to one life. @returns false when it was over already. */
  async kill(life: string, instant: string): Promise<boolean> {
    const at = performance.now();
    const worker = this.#workers.find((one) => one.life === life);
    if (worker === undefined || !(await worker.kill(life))) return false;
    this.#kills.push({ life, instant, at });
    return true;
  }

  async start(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.start()));
  }

  /** One after the other, as a Deployment does. */
  async roll(): Promise<void> {
    for (const worker of this.#workers) await worker.roll();
  }

  /** @throws when one did not come up again, or has ended by itself. */
  checkHealth(): void {
    for (const worker of this.#workers) worker.checkHealth();
  }

  /** Resolves when all are up. @throws LocalProblem when one did not come up again. */
  async ready(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.ready()));
  }

  async end(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.end()));
  }
}
