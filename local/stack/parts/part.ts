/** One program of the stack: started until it is healthy, stopped, killed, and brought back on the same ports. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LocalStackError, messageOf } from '../local-stack-error.ts';
import { type GuardedProcess, spawnGuarded } from '../process/guarded-process.ts';
import { lastLines } from '../process/log-tail.ts';
import { freePorts } from '../process/ports.ts';
import { GO_RUNTIME } from '../versions.ts';

export interface PartCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** Added to this process's environment. */
  readonly environment?: Readonly<Record<string, string>>;
}

export interface PartDefinition<Port extends string> {
  readonly name: string;
  readonly ports: readonly Port[];
  /** Writes what the program reads, and says how it is run. Called before every start. */
  launch(ports: Readonly<Record<Port, number>>): Promise<PartCommand>;
  /** Whether it does its work by now; throwing means not yet. */
  isReady(ports: Readonly<Record<Port, number>>, signal: AbortSignal): Promise<boolean>;
  /** Default three minutes: the machine may be slow, and busy with something else. */
  readonly startTimeoutMs?: number;
}

export interface Part {
  readonly name: string;
  readonly logFile: string;
  /** Holds the process id while it runs, for other processes. */
  readonly pidFile: string;
  /** Undefined while it does not run. */
  pid(): number | undefined;
  /** Ends it in order. */
  stop(): Promise<void>;
  /** Ends it by SIGKILL. */
  kill(): Promise<void>;
  /** Starts it again on the same ports, with the state it kept on disk, and waits until it is healthy. */
  start(): Promise<void>;
  /** SIGSTOP: it still listens, and answers nothing. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
}

export interface PartContext {
  /** Logs go to its folder `logs`, process ids to `run`. */
  readonly stateDir: string;
  readonly signal?: AbortSignal | undefined;
}

const MAX_PORT_ATTEMPTS = 3;
const HEALTH_CHECK_INTERVAL_MS = 50;
const HEALTH_CHECK_TIMEOUT_MS = 5_000;
const DEFAULT_START_TIMEOUT_MS = 180_000;
const PORT_TAKEN = /address already in use|EADDRINUSE|port .{0,20}in use/i;

/** Starts a part on ports that it has to itself; others are tried when somebody was quicker. */
export async function startPart<Port extends string>(
  definition: PartDefinition<Port>,
  context: PartContext,
): Promise<Part & { readonly ports: Readonly<Record<Port, number>> }> {
  for (let attempt = 1; ; attempt += 1) {
    const ports = await freePorts(definition.ports);
    const part = new RunningPart(definition, ports, context);
    try {
      await part.start();
      return part;
    } catch (error) {
      if (!(error instanceof PortTaken) || attempt >= MAX_PORT_ATTEMPTS) throw error;
    }
  }
}

class PortTaken extends LocalStackError {}

class RunningPart<Port extends string> implements Part {
  readonly name: string;
  readonly logFile: string;
  readonly pidFile: string;
  readonly ports: Readonly<Record<Port, number>>;
  readonly #definition: PartDefinition<Port>;
  readonly #signal: AbortSignal | undefined;
  #process: GuardedProcess | undefined;

  constructor(definition: PartDefinition<Port>, ports: Readonly<Record<Port, number>>, context: PartContext) {
    this.name = definition.name;
    this.logFile = join(context.stateDir, 'logs', `${definition.name}.log`);
    this.pidFile = join(context.stateDir, 'run', `${definition.name}.pid`);
    this.ports = ports;
    this.#definition = definition;
    this.#signal = context.signal;
  }

  pid(): number | undefined {
    return this.#process?.ended() === undefined ? this.#process?.pid : undefined;
  }

  async start(): Promise<void> {
    if (this.pid() !== undefined) return;
    this.#signal?.throwIfAborted();
    const { command, args, environment } = await this.#definition.launch(this.ports);
    this.#process = await spawnGuarded({
      command,
      args,
      environment: { ...GO_RUNTIME, ...process.env, ...environment },
      logFile: this.logFile,
    });
    await mkdir(dirname(this.pidFile), { recursive: true });
    await writeFile(this.pidFile, String(this.#process.pid));
    try {
      await this.#healthy(this.#process);
    } catch (error) {
      await this.kill();
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.resume();
    await this.#process?.stop();
    await rm(this.pidFile, { force: true });
  }

  async kill(): Promise<void> {
    await this.#process?.kill();
    await rm(this.pidFile, { force: true });
  }

  pause(): void {
    this.#process?.signal('SIGSTOP');
  }

  resume(): void {
    this.#process?.signal('SIGCONT');
  }

  async #healthy(running: GuardedProcess): Promise<void> {
    const withinMs = this.#definition.startTimeoutMs ?? DEFAULT_START_TIMEOUT_MS;
    const deadline = performance.now() + withinMs;
    let last: unknown = 'it did not say why';
    while (performance.now() < deadline) {
      this.#signal?.throwIfAborted();
      const ended = running.ended();
      if (ended !== undefined) throw await this.#failure(`ended with ${ended} instead of starting`);
      try {
        if (await this.#definition.isReady(this.ports, AbortSignal.timeout(HEALTH_CHECK_TIMEOUT_MS))) return;
      } catch (error) {
        last = error;
      }
      await sleep(HEALTH_CHECK_INTERVAL_MS);
    }
    throw await this.#failure(`was not ready within ${withinMs / 1000} s (${messageOf(last)})`);
  }

  async #failure(what: string): Promise<LocalStackError> {
    const lines = await lastLines(this.logFile);
    const log = lines.length === 0 ? 'It logged nothing.' : `Its last lines:\n${lines.map((l) => `  ${l}`).join('\n')}`;
    const parts = { message: `${this.name} ${what}. Log: ${this.logFile}. ${log}` };
    return lines.some((line) => PORT_TAKEN.test(line)) ? new PortTaken(parts) : new LocalStackError(parts);
  }
}
