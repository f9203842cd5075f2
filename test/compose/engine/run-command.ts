import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { WAIT_TIMEOUT_MS } from '../../support/vitest/timeouts.ts';

/** Root of the repository, the working directory of the documented commands. */
export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

export interface CommandOptions {
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly input?: string;
  /** Timeout in milliseconds, after which the command is killed. Default: {@link WAIT_TIMEOUT_MS}. */
  readonly timeoutMs?: number;
}

export interface CommandResult {
  /** Exit code; undefined when it was ended by a signal, such as that of the timeout. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;
const ERROR_LINES = 40;

/** Runs a command and returns its exit code and output. @throws Error when it cannot be started. */
export async function tryCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return await new Promise((resolve, reject) => {
    const child = execFile(
      command,
      [...args],
      {
        cwd: ROOT,
        env: { ...(options.environment ?? process.env) },
        timeout: options.timeoutMs ?? WAIT_TIMEOUT_MS,
        killSignal: 'SIGKILL',
        maxBuffer: MAX_OUTPUT_BYTES,
      },
      (error, stdout, stderr) => {
        if (typeof error?.code === 'string') reject(error);
        else resolve({ code: error === null ? 0 : (error.code ?? undefined), stdout, stderr });
      },
    );
    // EPIPE: the command exited without reading its input; the exit code reports why.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input ?? '');
  });
}

/** @returns standard output. @throws Error with the last lines of output when the exit code is not 0. */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const { code, stdout, stderr } = await tryCommand(command, args, options);
  if (code === 0) return stdout;
  const ended =
    code === undefined
      ? `was killed, after ${(options.timeoutMs ?? WAIT_TIMEOUT_MS) / 1000} s at most`
      : `ended with ${code}`;
  const lines = `${stdout}\n${stderr}`.trim().split('\n').slice(-ERROR_LINES);
  throw new Error(`${command} ${args.join(' ')} ${ended}:\n${lines.join('\n')}`);
}
