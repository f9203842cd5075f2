/** A worker that is restarted after each kill. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkerOptions, WorkerProcess } from '../../../local/stack/worker-process.ts';

export interface RestartingWorkerOptions {
  readonly name: string;
  readonly start: (more: Pick<WorkerOptions, 'onSpawned'>) => Promise<WorkerProcess>;
  /** Time between the kill and the next start. */
  readonly downtimeMs: () => number;
}

/** One process of the worker, from its start on. */
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
  /** The current process, once it is ready. */
  #ready: WorkerProcess | undefined;
  #starting: Promise<void> = Promise.resolve();
  #failure: unknown;
  #stopped = false;

  constructor(options: RestartingWorkerOptions) {
    this.#options = options;
  }

  /** Name of the current incarnation (`worker-1 incarnation 3`); undefined while no process runs. */
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

  /** Sends SIGKILL and restarts after the downtime. @returns whether this incarnation was running, once the process is gone. */
  async kill(incarnation: string): Promise<boolean> {
    const current = this.#current;
    if (current?.name !== incarnation) return false;
    this.#killed.add(incarnation);
    this.#current = undefined;
    this.#ready = undefined;
    await current.process.kill();
    // checkHealth throws the failure of this start.
    this.#startLater().catch(() => undefined);
    return true;
  }

  /** Sends SIGTERM and restarts at once, as in a rollout. Must not be killed meanwhile. */
  async roll(): Promise<void> {
    await this.ready();
    const stopping = this.#ready;
    this.#current = undefined;
    this.#ready = undefined;
    await stopping?.stop();
    await this.start();
  }

  /** Waits until the worker is ready. @throws when its last start failed. */
  async ready(): Promise<void> {
    while (this.#ready === undefined && !this.#stopped) {
      this.checkHealth();
      await sleep(POLL_INTERVAL_MS);
    }
  }

  /** @throws when the last start failed or the worker exited without having been killed. */
  checkHealth(): void {
    if (this.#failure !== undefined) throw this.#failure;
    const ended = this.#current?.process.ended();
    if (ended !== undefined)
      throw new Error(`${this.incarnation} exited without having been killed (${ended}); see its log`);
  }

  /** Stops the worker with SIGTERM, without a restart. */
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
    const name = `${this.#options.name} incarnation ${this.#incarnations}`;
    try {
      const ready = await this.#options.start({
        onSpawned: (process) => {
          this.#current = { name, process };
        },
      });
      if (this.incarnation === name) this.#ready = ready;
    } catch (error) {
      // A killed process does not become ready.
      if (!this.#killed.has(name) && !this.#stopped) throw error;
    }
  }

  async #startLater(): Promise<void> {
    await this.#starting;
    await sleep(this.#options.downtimeMs());
    if (!this.#stopped) await this.start();
  }
}
