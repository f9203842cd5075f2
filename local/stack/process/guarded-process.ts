/** A child process that ends when this process ends, even by SIGKILL. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { close, open } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { Socket } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

/**
 * Standard input is a pipe whose other end only this process holds. A background process waits until the kernel closes the
 * pipe, when this process ends, and kills the group. The shell itself becomes the program, so that the process id, the exit
 * code and signals are the program's. The group's id is not reused while the background process is in it.
 */
const GUARD_SCRIPT = `exec 3<&0 </dev/null
( while read -r _; do :; done <&3; kill -KILL -$$ ) >/dev/null 2>&1 &
exec 3<&- "$@"`;

/** The command of {@link spawnGuarded}. */
export interface GuardedCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment of the process. Default: this process's. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Standard output and error are appended to this file. */
  readonly logFile: string;
  /** Standard error is appended to this one instead. */
  readonly errorFile?: string;
}

/** A process that {@link spawnGuarded} has started. */
export interface GuardedProcess {
  readonly pid: number;
  /** How it ended, `code 1` or `signal SIGKILL`; undefined while it runs. */
  readonly ended: () => string | undefined;
  /** Resolves when the process has ended; never rejects. */
  readonly end: Promise<void>;
  /** SIGTERM, then SIGKILL to the group after the grace period. Resolves when the process has ended. */
  stop(graceMs?: number): Promise<void>;
  /** SIGKILL. Resolves when the process has ended. */
  kill(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
}

const DEFAULT_STOP_TIMEOUT_MS = 10_000;

/** Starts a program that ends with this process. @throws Error when it cannot be started. */
export async function spawnGuarded(command: GuardedCommand): Promise<GuardedProcess> {
  await mkdir(dirname(command.logFile), { recursive: true });
  const log = await promisify(open)(command.logFile, 'a', 0o600);
  let errors = log;
  try {
    if (command.errorFile !== undefined) errors = await promisify(open)(command.errorFile, 'a', 0o600);
    const child = spawn('sh', ['-c', GUARD_SCRIPT, 'guard', command.command, ...command.args], {
      // A process group of its own, so that Ctrl-C in the terminal does not reach it: this process stops it in order.
      detached: true,
      stdio: ['pipe', log, errors],
      env: { ...(command.environment ?? process.env) },
      ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
    });
    const spawned = once(child, 'spawn');
    // Before the first await, so that an immediate exit is not missed.
    const end = observeExit(child);
    await spawned;
    return guarded(child, end);
  } finally {
    for (const file of new Set([log, errors])) await promisify(close)(file);
  }
}

interface ProcessExit {
  readonly ended: () => string | undefined;
  readonly end: Promise<void>;
}

function observeExit(child: ChildProcess): ProcessExit {
  let ended: string | undefined;
  const end = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      ended = signal === null ? `code ${String(code)}` : `signal ${signal}`;
      // Lets the background process kill the rest of the group.
      child.stdin?.destroy();
      resolve();
    });
  });
  return { ended: () => ended, end };
}

function guarded(child: ChildProcess, { ended, end }: ProcessExit): GuardedProcess {
  const { pid } = child;
  if (pid === undefined) throw new Error('a process without an id');
  child.unref();
  const pipe = child.stdin;
  // Its type is Writable, but it is a socket.
  if (pipe instanceof Socket) pipe.unref();
  // EPIPE means that the process has ended, as `exit` does.
  pipe?.on('error', () => undefined);
  const signal = (name: NodeJS.Signals): void => {
    if (ended() === undefined) child.kill(name);
  };
  const kill = async (): Promise<void> => {
    child.ref();
    signal('SIGKILL');
    await end;
  };
  return {
    pid,
    ended,
    end,
    signal,
    kill,
    stop: async (graceMs = DEFAULT_STOP_TIMEOUT_MS) => {
      if (ended() !== undefined) return;
      child.ref();
      signal('SIGTERM');
      const late = new AbortController();
      await Promise.race([end, sleep(graceMs, undefined, { signal: late.signal }).catch(() => undefined)]);
      late.abort();
      await kill();
    },
  };
}
