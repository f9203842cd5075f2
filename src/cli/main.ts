/** Entry point of the command line. Exit codes: 0 success, 1 failure, 2 wrong use or configuration. */
import { CommanderError } from 'commander';
import { describeError, note } from './output.ts';
import { createProgram } from './program.ts';

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
