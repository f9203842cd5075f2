/** A worker that is killed again and again, and started again each time. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkerOptions, WorkerProcess } from '../../../local/stack/worker-process.ts';

export interface RestartingWorkerOptions {
  readonly name: string;
  readonly start: (more: Pick<WorkerOptions, 'onSpawned'>) => Promise<WorkerProcess>;
  /** How long it stays dead, beside what its start takes. */
  readonly downtimeMs: () => number;
}

/** From the first instant of its process on. */
interface Incarnation {
  readonly name: string;
  readonly process: Pick<WorkerProcess, 'pid' | 'kill' | 'ended'>;
}

const POLL_INTERVAL_MS = 50;

export class RestartingWorker {
  readonly #options: RestartingWorkerOptions;
  readonly #killed = new Set<string>();
  #incarnations = 0;
  #current: Incarnation | undefined;
  /** Once the present life is known to be ready. */
  #ready: WorkerProcess | undefined;
  #starting: Promise<void> = Promise.resolve();
  #failure: unknown;
  #stopped = false;

  constructor(options: RestartingWorkerOptions) {
    this.#options = options;
  }

  /** Name of the present life, as in `worker-1 life 3`; undefined while it is dead. */
  get incarnation(): string | undefined {
    return this.#current?.name;
  }

  get pid(): number | undefined {
    return this.#current?.process.pid;
  }

  /** @throws LocalStackError when it does not become ready. */
  start(): Promise<void> {
    this.#starting = this.#start();
    this.#starting.catch((error: unknown) => {
      this.#failure = error;
    });
    return this.#starting;
  }

  /** SIGKILL, and a new life soon. @returns once it is dead; whether it was this life that it ended. */
  async kill(incarnation: string): Promise<boolean> {
    const current = this.#current;
    if (current?.name !== incarnation) return false;
    this.#killed.add(incarnation);
    this.#current = undefined;
    this.#ready = undefined;
    await current.process.kill();
    // What goes wrong with it is told by checkHealth.
    this.#startLater().catch(() => undefined);
    return true;
  }

  /** SIGTERM, then a new life at once, as in a rollout. Nobody may kill it meanwhile. */
  async roll(): Promise<void> {
    await this.ready();
    const leaving = this.#ready;
    this.#current = undefined;
    this.#ready = undefined;
    await leaving?.stop();
    await this.start();
  }

  /** Resolves when it is up. @throws when its last start failed. */
  async ready(): Promise<void> {
    while (this.#ready === undefined && !this.#stopped) {
      this.checkHealth();
      await sleep(POLL_INTERVAL_MS);
    }
  }

  /** @throws what kept it from starting again, or that it has ended without having been killed. */
  checkHealth(): void {
    if (this.#failure !== undefined) throw this.#failure;
    const ended = this.#current?.process.ended();
    if (ended !== undefined) throw new Error(`${this.incarnation} ended by itself (${ended}); see its log`);
  }

  /** Ends it in good order, for ever. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const [incarnation, ready] = [this.#current, this.#ready];
    this.#current = undefined;
    this.#ready = undefined;
    await (ready?.stop() ?? incarnation?.process.kill());
    await this.#starting.catch(() => undefined);
  }

  async #start(): Promise<void> {
    this.#incarnations += 1;
    const name = `${this.#options.name} life ${this.#incarnations}`;
    try {
      const ready = await this.#options.start({
        onSpawned: (process) => {
          this.#current = { name, process };
        },
      });
      if (this.incarnation === name) this.#ready = ready;
    } catch (error) {
      // One that was killed does not become ready.
      if (!this.#killed.has(name) && !this.#stopped) throw error;
    }
  }

  async #startLater(): Promise<void> {
    await this.#starting;
    await sleep(this.#options.downtimeMs());
    if (!this.#stopped) await this.start();
  }
}
