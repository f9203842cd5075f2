/** Entry point of the command line. Exit codes: 0 success, 1 failure, 2 wrong use or configuration. */
import { CommanderError } from 'commander';
import { exitWhenWritten } from './exit-when-written.ts';
import { describeError, note } from './output.ts';
import { createProgram } from './program.ts';

/** 128 and the number of SIGPIPE, as shells have it. */
const SIGPIPE_EXIT_CODE = 141;

// The reader of a pipe has had enough, as `head` has.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(SIGPIPE_EXIT_CODE);
});

try {
  await createProgram().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has printed the message. --help and --version are CommanderErrors too, with exit code 0.
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else {
    const { message, exitCode } = describeError(error);
    note(`certman: ${message}`);
    process.exitCode = exitCode;
  }
}

// A request that the SDK is about to repeat holds a timer, of up to six seconds, also when its connection has been closed.
await exitWhenWritten();
