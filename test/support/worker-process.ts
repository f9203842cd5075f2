/** `certman worker` and other commands as processes of their own, for tests. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const CERTMAN = fileURLToPath(new URL('../../bin/certman.js', import.meta.url));

export interface CommandProcess {
  readonly pid: number;
  /** Everything it has written so far, errors included. */
  output(): string;
  /** Waits until the output matches; fails, showing the output, when it does not in time or the process ends before. */
  says(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray>;
  signal(name: NodeJS.Signals): void;
  /** Waits for its end. */
  exit(timeoutMs?: number): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

const running = new Set<ChildProcess>();

/** Nothing of the environment of the tests but what a process needs to run reaches it. */
export function startCertman(args: readonly string[], environment: Readonly<Record<string, string>>): CommandProcess {
  return startProcess(process.execPath, [CERTMAN, ...args], { PATH: process.env['PATH'] ?? '', ...environment });
}

export function startProcess(
  command: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): CommandProcess {
  const child = spawn(command, args, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const exited = once(child, 'close').then(([code, signal]) => {
    running.delete(child);
    return { code: code as number | null, signal: signal as NodeJS.Signals | null };
  });
  const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
  return {
    pid: child.pid ?? -1,
    output: () => output,
    says: async (pattern, timeoutMs = 30_000) => {
      const deadline = Date.now() + timeoutMs;
      for (;;) {
        const match = pattern.exec(output);
        if (match !== null) return match;
        if (isOver() || Date.now() > deadline) throw new Error(`no ${String(pattern)} in:\n${output.slice(-8_000)}`);
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
    },
    signal: (name) => {
      if (!isOver()) child.kill(name);
    },
    exit: async (timeoutMs = 30_000) => {
      const late = new Promise<never>((_resolve, reject) => {
        setTimeout(
          () => reject(new Error(`still running after ${timeoutMs} ms:\n${output.slice(-8_000)}`)),
          timeoutMs,
        ).unref();
      });
      return await Promise.race([exited, late]);
    },
  };
}

/** Ends every process that was started here and is still running. */
export async function endProcesses(): Promise<void> {
  await Promise.all(
    [...running].map(async (child) => {
      if (child.exitCode === null && child.signalCode === null) {
        const closed = once(child, 'close');
        child.kill('SIGKILL');
        await closed;
      }
    }),
  );
}
