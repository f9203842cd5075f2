/** `certman worker` and other commands as processes of their own, for tests. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type GuardedProcess, spawnGuarded } from '../../local/process/guarded-process.ts';
import { PATIENCE_MS, PATIENCE_SECONDS } from './patience.ts';

const CERTMAN = fileURLToPath(new URL('../../bin/certman.js', import.meta.url));
const LOOK_AGAIN_MS = 25;

export interface CommandProcess {
  readonly pid: number;
  /** Everything it has written so far, errors included. */
  output(): string;
  /** Waits until the output matches; fails with the output when it never does, or the process ends before. */
  says(pattern: RegExp): Promise<RegExpExecArray>;
  signal(name: NodeJS.Signals): void;
  /** Waits for its end. @returns `code 0`, `signal SIGKILL`. */
  exit(): Promise<string>;
}

const running = new Set<GuardedProcess>();
const folders: string[] = [];

/** Nothing of the environment of the tests but what a process needs to run reaches it. */
export function startCertman(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<CommandProcess> {
  return startNode([CERTMAN, ...args], environment);
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
    says: async (pattern) => {
      const giveUp = performance.now() + PATIENCE_MS;
      for (;;) {
        // In this order: what it said last must not be missed.
        const over = started.ended() !== undefined || performance.now() > giveUp;
        const match = pattern.exec(output());
        if (match !== null) return match;
        if (over) throw new Error(`no ${String(pattern)} in:\n${output().slice(-8_000)}`);
        await sleep(LOOK_AGAIN_MS);
      }
    },
    signal: (name) => started.signal(name),
    exit: async () => {
      const giveUp = performance.now() + PATIENCE_MS;
      for (;;) {
        const ended = started.ended();
        if (ended !== undefined) return ended;
        if (performance.now() > giveUp)
          throw new Error(`still running after ${PATIENCE_SECONDS} s:\n${output().slice(-8_000)}`);
        await sleep(LOOK_AGAIN_MS);
      }
    },
  };
}

/** Ends every process that was started here and is still running, and forgets what all of them said. */
export async function endProcesses(): Promise<void> {
  await Promise.all([...running].map((one) => one.kill()));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}
