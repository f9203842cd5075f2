/** `certman worker` and other commands as processes of their own, for tests. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type GuardedProcess, spawnGuarded } from '../../../local/stack/process/guarded-process.ts';
import { WAIT_TIMEOUT_MS, WAIT_TIMEOUT_SECONDS } from '../vitest/timeouts.ts';

const CERTMAN_BIN = fileURLToPath(new URL('../../../bin/certman.js', import.meta.url));
const POLL_INTERVAL_MS = 25;

export interface CommandProcess {
  readonly pid: number;
  /** Everything it has written so far, errors included. */
  output(): string;
  /** Waits until the output matches; fails with the output when it never does, or the process ends before. */
  waitForOutput(pattern: RegExp): Promise<RegExpExecArray>;
  signal(name: NodeJS.Signals): void;
  /** Waits for its end. @returns `code 0`, `signal SIGKILL`. */
  waitForExit(): Promise<string>;
}

const running = new Set<GuardedProcess>();
const folders: string[] = [];

/** Nothing of the environment of the tests but what a process needs to run reaches it. */
export function startCertman(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<CommandProcess> {
  return startNode([CERTMAN_BIN, ...args], environment);
}

/** @param args a script and its arguments. */
export async function startNode(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<CommandProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'certman-process-'));
  folders.push(folder);
  const logFile = join(folder, 'output');
  const started = await spawnGuarded({
    command: process.execPath,
    args,
    environment: { PATH: process.env['PATH'] ?? '', ...environment },
    logFile,
  });
  running.add(started);
  void started.end.then(() => running.delete(started));
  const output = (): string => readFileSync(logFile, 'utf8');
  return {
    pid: started.pid,
    output,
    waitForOutput: async (pattern) => {
      const giveUp = performance.now() + WAIT_TIMEOUT_MS;
      for (;;) {
        // In this order: what it said last must not be missed.
        const over = started.ended() !== undefined || performance.now() > giveUp;
        const match = pattern.exec(output());
        if (match !== null) return match;
        if (over) throw new Error(`no ${String(pattern)} in:\n${output().slice(-8_000)}`);
        await sleep(POLL_INTERVAL_MS);
      }
    },
    signal: (name) => started.signal(name),
    waitForExit: async () => {
      const giveUp = performance.now() + WAIT_TIMEOUT_MS;
      for (;;) {
        const ended = started.ended();
        if (ended !== undefined) return ended;
        if (performance.now() > giveUp)
          throw new Error(`still running after ${WAIT_TIMEOUT_SECONDS} s:\n${output().slice(-8_000)}`);
        await sleep(POLL_INTERVAL_MS);
      }
    },
  };
}

/** Ends every process that was started here and is still running, and forgets what all of them said. */
export async function endProcesses(): Promise<void> {
  await Promise.all([...running].map((one) => one.kill()));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}
