/** The command line. To add a command, write its file in commands/ and add it to COMMANDS. */
import { Command } from 'commander';
import { VERSION } from '../version.ts';
import { accountCommand } from './commands/account.ts';
import { budgetCommand } from './commands/budget.ts';
import { codecServerCommand } from './commands/codec-server.ts';
import { configCommand } from './commands/config.ts';
import { releaseCommand } from './commands/release.ts';
import { renewCommand } from './commands/renew.ts';
import { statusCommand } from './commands/status.ts';
import { workerCommand } from './commands/worker.ts';

/** In the order of --help. Each defines its options, and imports what it runs only when it runs. */
const COMMANDS: readonly (() => Command)[] = [
  workerCommand,
  statusCommand,
  renewCommand,
  releaseCommand,
  accountCommand,
  budgetCommand,
  codecServerCommand,
  configCommand,
];

/** A program that throws CommanderError where commander would end the process. */
export function createProgram(): Command {
  const program = new Command('certman')
    .description('Durable TLS certificates for fleets of OpenShift clusters, orchestrated by Temporal.')
    .version(VERSION)
    .showHelpAfterError('(see --help)');
  for (const command of COMMANDS) program.addCommand(command());
  throwInsteadOfExit(program);
  return program;
}

function throwInsteadOfExit(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) throwInsteadOfExit(child);
}
