/** The workers of a run, which of them opened a connection, and a record of every kill. */
import type { ConnectionOwner } from '../relays/exchange.ts';
import { processOfConnection } from '../relays/socket-owner.ts';
import type { RestartingWorker } from './restarting-worker.ts';

export interface Kill {
  /** The incarnation that was killed (`worker-1 incarnation 3`). */
  readonly incarnation: string;
  /** What the worker was doing. */
  readonly killPoint: string;
  /** `performance.now()` when SIGKILL was sent. */
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

  /** Incarnations that are running. */
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

  /** Sends SIGKILL to an incarnation. @returns false when it is not running. */
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

  /** Restarts the workers one after the other, as a Deployment does. */
  async roll(): Promise<void> {
    for (const worker of this.#workers) await worker.roll();
  }

  /** @throws when a worker did not restart or exited without having been killed. */
  checkHealth(): void {
    for (const worker of this.#workers) worker.checkHealth();
  }

  /** Waits until all are ready. @throws LocalStackError when a worker did not restart. */
  async ready(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.ready()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.stop()));
  }
}
