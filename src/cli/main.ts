/** The command line. Exit codes: 0 done, 1 failed, 2 wrong use or configuration. */
import { CommanderError } from 'commander';
import { describeError, note } from './output.ts';
import { createProgram } from './program.ts';

try {
  await createProgram().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has said what is wrong; asking for help is nothing wrong.
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else {
    const { message, exitCode } = describeError(error);
    note(`certman: ${message}`);
    process.exitCode = exitCode;
  }
}
