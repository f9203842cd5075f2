/** The workers of a run, who of them made a connection, and a record of every kill. */
import type { ConnectionOwner } from '../relays/exchange.ts';
import { processOfConnection } from '../relays/socket-owner.ts';
import type { RestartingWorker } from './restarting-worker.ts';

export interface Kill {
  /** The life that it ended, as in `worker-1 life 3`. */
  readonly incarnation: string;
  /** What the worker was about, in words. */
  readonly killPoint: string;
  /** `performance.now()` at the signal. */
  readonly at: number;
}

export class WorkerPool {
  readonly #workers: readonly RestartingWorker[];
  readonly #kills: Kill[] = [];

  constructor(workers: readonly RestartingWorker[]) {
    this.#workers = workers;
  }

  get kills(): readonly Kill[] {
    return this.#kills;
  }

  /** Lives under way. */
  running(): readonly string[] {
    return this.#workers.flatMap(({ incarnation }) => incarnation ?? []);
  }

  readonly ownerOf: ConnectionOwner = ({ remotePort, localPort }) => {
    if (remotePort === undefined || localPort === undefined) return undefined;
    const running = this.#workers.filter(({ pid }) => pid !== undefined);
    const pid = processOfConnection(
      remotePort,
      localPort,
      running.flatMap((worker) => worker.pid ?? []),
    );
    return running.find((worker) => worker.pid === pid)?.incarnation;
  };

  /** SIGKILL to one life. @returns false when it was over already. */
  async kill(incarnation: string, killPoint: string): Promise<boolean> {
    const at = performance.now();
    const worker = this.#workers.find((one) => one.incarnation === incarnation);
    if (worker === undefined || !(await worker.kill(incarnation))) return false;
    this.#kills.push({ incarnation, killPoint, at });
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

  /** Resolves when all are up. @throws LocalStackError when one did not come up again. */
  async ready(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.ready()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.stop()));
  }
}
