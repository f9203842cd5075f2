/** The command line. Exit codes: 0 done, 1 failed, 2 wrong use or configuration. */
import { Command, CommanderError } from 'commander';
import { accountCommand } from './commands/account.ts';
import { configCommand } from './commands/config.ts';
import { describeError, note } from './commands/output.ts';
import { renewCommand } from './commands/renew.ts';
import { statusCommand } from './commands/status.ts';
import { workerCommand } from './commands/worker.ts';
import { VERSION } from './version.ts';

const program = new Command('certman')
  .description('Durable TLS certificates for fleets of OpenShift clusters, orchestrated by Temporal.')
  .version(VERSION)
  .showHelpAfterError('(see --help)')
  .configureHelp({ sortSubcommands: false });

for (const command of [workerCommand(), statusCommand(), renewCommand(), accountCommand(), configCommand()]) {
  program.addCommand(command);
}
throwInsteadOfExit(program);

try {
  await program.parseAsync();
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

function throwInsteadOfExit(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) throwInsteadOfExit(child);
}
