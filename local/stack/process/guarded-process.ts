/** A child process that ends when this process does, however that ends: even by SIGKILL. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { close, open } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { Socket } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

/**
 * Standard input is a pipe whose other end only this process has. A watcher in the background waits for its end, which
 * the kernel brings about when this process dies, and kills the group; the shell itself becomes the program, so that the
 * process id, the exit code and signals are the program's own. The group's id is not used again while the watcher is in
 * it, so nothing else can be hit.
 */
const GUARD_SCRIPT = `exec 3<&0 </dev/null
( while read -r _; do :; done <&3; kill -KILL -$$ ) >/dev/null 2>&1 &
exec 3<&- "$@"`;

export interface GuardedCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment of the process. Default: this process's. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Standard output and error are appended to it. */
  readonly logFile: string;
}

export interface GuardedProcess {
  readonly pid: number;
  /** How it ended, `code 1` or `signal SIGKILL`; undefined while it runs. */
  readonly ended: () => string | undefined;
  /** Resolves, never rejects, when it has ended. */
  readonly end: Promise<void>;
  /** SIGTERM, and SIGKILL after the grace. Resolves when it has ended; what it started itself ends with it. */
  stop(graceMs?: number): Promise<void>;
  /** SIGKILL. Resolves when it has ended. */
  kill(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
}

const DEFAULT_STOP_TIMEOUT_MS = 10_000;

/** @throws Error when the program cannot be started at all. */
export async function spawnGuarded(command: GuardedCommand): Promise<GuardedProcess> {
  await mkdir(dirname(command.logFile), { recursive: true });
  const log = await promisify(open)(command.logFile, 'a', 0o600);
  try {
    const child = spawn('sh', ['-c', GUARD_SCRIPT, 'guard', command.command, ...command.args], {
      // A group of its own, which a Ctrl-C in the terminal does not reach: who started it ends it, in order.
      detached: true,
      stdio: ['pipe', log, log],
      env: { ...(command.environment ?? process.env) },
      ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
    });
    const spawned = once(child, 'spawn');
    // At once: one that ends at once must not be missed.
    const end = observeExit(child);
    await spawned;
    return guarded(child, end);
  } finally {
    await promisify(close)(log);
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
      // The watcher ends what is left of the group, itself included.
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
  const lifeline = child.stdin;
  // It is a socket, whatever its type says.
  if (lifeline instanceof Socket) lifeline.unref();
  // Its end is told by `exit`; an EPIPE of the pipe says the same.
  lifeline?.on('error', () => undefined);
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
