/** One command of a build: its output goes to the build's log, and a failure shows the end of that log. */
import { LocalProblem } from '../problem.ts';
import { spawnGuarded } from '../process/guarded-process.ts';
import { lastLines } from '../process/log-tail.ts';

export interface BuildStep {
  /** What is built, for messages. */
  readonly what: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** On top of this process's environment. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** What a person can do about a failure. */
  readonly next: string;
  readonly signal?: AbortSignal | undefined;
}

/** @throws LocalProblem when it fails; the signal's reason when aborted. */
export async function runStep(step: BuildStep): Promise<void> {
  step.signal?.throwIfAborted();
  const running = await spawnGuarded({
    command: step.command,
    args: step.args,
    cwd: step.cwd,
    environment: { ...process.env, ...step.environment },
    logFile: step.logFile,
  });
  const abort = (): void => void running.kill();
  step.signal?.addEventListener('abort', abort, { once: true });
  // A guarded process does not keep this one alive by itself.
  const stay = setInterval(() => undefined, 60_000);
  try {
    await running.end;
  } finally {
    clearInterval(stay);
    step.signal?.removeEventListener('abort', abort);
  }
  step.signal?.throwIfAborted();
  if (running.ended() === 'code 0') return;
  const lines = (await lastLines(step.logFile)).map((line) => `  ${line}`).join('\n');
  throw new LocalProblem({
    message: `Building ${step.what} failed: ${step.command} ${step.args[0] ?? ''} ended with ${running.ended()}. Log: ${step.logFile}. Its last lines:\n${lines}`,
    next: step.next,
  });
}
