/** The process of one part: start until healthy, stop, kill, and restart on the same ports. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LocalStackError, messageOf } from '../local-stack-error.ts';
import { poll } from '../poll.ts';
import { type GuardedProcess, spawnGuarded } from '../process/guarded-process.ts';
import { lastLines } from '../process/log-tail.ts';
import { freePorts } from '../process/ports.ts';
import { GO_RUNTIME } from '../versions.ts';

/** How a part's program is run. */
export interface PartCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** On top of this process's environment. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** What distinguishes one part from another. */
export interface PartDefinition<Port extends string> {
  readonly name: string;
  readonly ports: readonly Port[];
  /** Writes the program's files and returns its command. Called before every start. */
  launch(ports: Readonly<Record<Port, number>>): Promise<PartCommand>;
  /** Whether the part is healthy; an error means not yet. */
  isReady(ports: Readonly<Record<Port, number>>, signal: AbortSignal): Promise<boolean>;
  /** Default three minutes. */
  readonly startTimeoutMs?: number;
}

/** A program of the stack. */
export interface Part {
  readonly name: string;
  readonly logFile: string;
  /** Contains the process id while it runs, for other processes. */
  readonly pidFile: string;
  /** Undefined while it does not run. */
  pid(): number | undefined;
  /** SIGTERM, then SIGKILL. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Starts it on the same ports, with its state on disk, and waits until it is healthy. */
  start(): Promise<void>;
  /** SIGSTOP: it still accepts connections and does not respond. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** Removes what it keeps outside the state folder; for a part that is stopped for good. */
  remove?(): Promise<void>;
}

/** Where a part runs. */
export interface PartContext {
  /** Has the folders `logs` and `run` (process ids). */
  readonly stateDir: string;
  readonly signal?: AbortSignal | undefined;
}

const MAX_PORT_ATTEMPTS = 3;
const HEALTH_CHECK_INTERVAL_MS = 50;
const HEALTH_CHECK_TIMEOUT_MS = 5_000;
const DEFAULT_START_TIMEOUT_MS = 180_000;
const PORT_TAKEN = /address already in use|EADDRINUSE|port .{0,20}in use/i;

/** Starts a part on free ports; tries other ports when another process has taken one meanwhile. @throws LocalStackError */
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
    const timeoutMs = this.#definition.startTimeoutMs ?? DEFAULT_START_TIMEOUT_MS;
    let reason: unknown = 'unknown reason';
    const isReady = async (): Promise<true | undefined> => {
      const ended = running.ended();
      if (ended !== undefined) throw await this.#failure(`ended with ${ended} instead of starting`);
      try {
        const ready = await this.#definition.isReady(this.ports, AbortSignal.timeout(HEALTH_CHECK_TIMEOUT_MS));
        return ready ? true : undefined;
      } catch (error) {
        reason = error;
        return undefined;
      }
    };
    if (await poll(isReady, { timeoutMs, intervalMs: HEALTH_CHECK_INTERVAL_MS, signal: this.#signal })) return;
    throw await this.#failure(`was not ready within ${timeoutMs / 1000} s (${messageOf(reason)})`);
  }

  async #failure(what: string): Promise<LocalStackError> {
    const lines = await lastLines(this.logFile);
    const log = lines.length === 0 ? 'Its log is empty.' : `Its last lines:\n${lines.map((l) => `  ${l}`).join('\n')}`;
    const parts = { message: `${this.name} ${what}. Log: ${this.logFile}. ${log}` };
    return lines.some((line) => PORT_TAKEN.test(line)) ? new PortTaken(parts) : new LocalStackError(parts);
  }
}
