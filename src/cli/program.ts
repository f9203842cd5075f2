/** The command line's commands and their options. */
import { Command } from 'commander';
import { VERSION } from '../version.ts';
import { accountCommand } from './commands/account.ts';
import { configCommand } from './commands/config.ts';
import { releaseCommand } from './commands/release.ts';
import { renewCommand } from './commands/renew.ts';
import { statusCommand } from './commands/status.ts';
import { workerCommand } from './commands/worker.ts';

/** Throws CommanderError where commander would end the process. */
export function createProgram(): Command {
  const program = new Command('certman')
    .description('Durable TLS certificates for fleets of OpenShift clusters, orchestrated by Temporal.')
    .version(VERSION)
    .showHelpAfterError('(see --help)')
    .configureHelp({ sortSubcommands: false });
  const commands = [
    workerCommand(),
    statusCommand(),
    renewCommand(),
    releaseCommand(),
    accountCommand(),
    configCommand(),
  ];
  for (const command of commands) program.addCommand(command);
  throwInsteadOfExit(program);
  return program;
}

function throwInsteadOfExit(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) throwInsteadOfExit(child);
}
