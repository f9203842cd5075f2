/** Runs `certman worker` and other commands as separate processes. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { poll } from '../../../local/stack/poll.ts';
import { type GuardedProcess, spawnGuarded } from '../../../local/stack/process/guarded-process.ts';
import { WAIT_TIMEOUT_MS, WAIT_TIMEOUT_SECONDS } from '../vitest/timeouts.ts';

const CERTMAN_BIN = fileURLToPath(new URL('../../../bin/certman.js', import.meta.url));
const POLL_OPTIONS = { timeoutMs: WAIT_TIMEOUT_MS, intervalMs: 25 } as const;

/** A running command. */
export interface CommandProcess {
  readonly pid: number;
  /** Standard output so far, and after it standard error. */
  output(): string;
  /** Waits until the output matches. @throws Error with the output when the process exits first, or after a timeout. */
  waitForOutput(pattern: RegExp): Promise<RegExpExecArray>;
  signal(name: NodeJS.Signals): void;
  /** Waits until the process has exited. @throws Error with the output after a timeout. */
  result(): Promise<CommandResult>;
}

/** A command that has ended. */
export interface CommandResult {
  readonly args: readonly string[];
  /** `code 0`, `signal SIGKILL`. */
  readonly exit: string;
  /** Standard output. */
  readonly stdout: string;
  /** The same, and after it standard error. */
  readonly output: string;
}

const running = new Set<GuardedProcess>();
const folders: string[] = [];

/** Starts certman with this environment and PATH only. */
export function startCertman(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<CommandProcess> {
  return startNode([CERTMAN_BIN, ...args], environment);
}

/** Runs certman as {@link startCertman} until it has exited. */
export async function runCertman(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<CommandResult> {
  const command = await startCertman(args, environment);
  return await command.result();
}

/** @returns the command, which has exited so. @throws Error with its output when it has exited otherwise. */
export async function expectExit(ended: CommandResult | Promise<CommandResult>, code = 0): Promise<CommandResult> {
  const result = await ended;
  const { args, exit, output } = result;
  if (exit === `code ${code}`) return result;
  throw new Error(`${args.join(' ')}: ${exit}, not code ${code}:\n${output.slice(-8_000)}`);
}

/** Starts Node.js with this environment and PATH only. @param args a script and its arguments. */
export async function startNode(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<CommandProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'certman-process-'));
  folders.push(folder);
  const [logFile, errorFile] = [join(folder, 'stdout'), join(folder, 'stderr')];
  const started = await spawnGuarded({
    command: process.execPath,
    args,
    environment: { PATH: process.env['PATH'] ?? '', ...environment },
    logFile,
    errorFile,
  });
  running.add(started);
  void started.end.then(() => running.delete(started));
  const stdout = (): string => readFileSync(logFile, 'utf8');
  const output = (): string => stdout() + readFileSync(errorFile, 'utf8');
  return {
    pid: started.pid,
    output,
    waitForOutput: async (pattern) => {
      const match = await poll(() => {
        // The exit is checked before the output, so that the last output is not missed.
        const isOver = started.ended() !== undefined;
        const found = pattern.exec(output());
        return Promise.resolve<RegExpExecArray | false | undefined>(found ?? (isOver ? false : undefined));
      }, POLL_OPTIONS);
      if (match) return match;
      throw new Error(`no ${String(pattern)} in:\n${output().slice(-8_000)}`);
    },
    signal: (name) => started.signal(name),
    result: async () => {
      const exit = await poll(() => Promise.resolve(started.ended()), POLL_OPTIONS);
      if (exit !== undefined) return { args, exit, stdout: stdout(), output: output() };
      throw new Error(`still running after ${WAIT_TIMEOUT_SECONDS} s:\n${output().slice(-8_000)}`);
    },
  };
}

/** Kills every process that this module started, and deletes their output. */
export async function endProcesses(): Promise<void> {
  await Promise.all([...running].map((one) => one.kill()));
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}
