import { LocalStackError } from '../local-stack-error.ts';
import { spawnGuarded } from '../process/guarded-process.ts';
import { lastLines } from '../process/log-tail.ts';

/** One command of a build. */
export interface BuildCommand {
  /** What is built, for messages. */
  readonly what: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** On top of this process's environment. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** What a person can do about a failure. */
  readonly remedy: string;
  readonly signal?: AbortSignal | undefined;
}

/** The longest build takes a quarter of an hour on two cores; a command that hangs is killed. */
const MAX_COMMAND_MS = 2 * 60 * 60_000;

/**
 * Runs a command with its output in the log.
 * @throws LocalStackError with the last lines of the log when it fails or takes more than two hours; the signal's reason.
 */
export async function runBuildCommand(step: BuildCommand): Promise<void> {
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
  if (step.signal?.aborted === true) abort();
  // The timer also keeps this process alive, which a guarded process does not.
  const late = setTimeout(abort, MAX_COMMAND_MS);
  try {
    await running.end;
  } finally {
    clearTimeout(late);
    step.signal?.removeEventListener('abort', abort);
  }
  step.signal?.throwIfAborted();
  if (running.ended() === 'code 0') return;
  const lines = (await lastLines(step.logFile)).map((line) => `  ${line}`).join('\n');
  throw new LocalStackError({
    message: `Building ${step.what} failed: ${step.command} ${step.args[0] ?? ''} ended with ${running.ended()}. Log: ${step.logFile}. Its last lines:\n${lines}`,
    remedy: step.remedy,
  });
}
