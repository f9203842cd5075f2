/** The command line. To add a command, write its file in commands/ and add it to COMMANDS. */
import { Command, Help, type Option } from 'commander';
import { VERSION } from '../version.ts';
import { accountCommand } from './commands/account.ts';
import { budgetCommand } from './commands/budget.ts';
import { caCommand } from './commands/ca.ts';
import { campaignCommand } from './commands/campaign.ts';
import { canaryCommand } from './commands/canary.ts';
import { codecServerCommand } from './commands/codec-server.ts';
import { completeCommand, completionCommand } from './commands/completion.ts';
import { configCommand } from './commands/config.ts';
import { dnsCommand } from './commands/dns.ts';
import { doctorCommand } from './commands/doctor.ts';
import { drillCommand } from './commands/drill.ts';
import { explainCommand } from './commands/explain.ts';
import { historyCommand } from './commands/history.ts';
import { pauseCommand, resumeCommand } from './commands/pause.ts';
import { releaseCommand } from './commands/release.ts';
import { renewCommand } from './commands/renew.ts';
import { reportCommand } from './commands/report.ts';
import { revokeCommand } from './commands/revoke.ts';
import { statusCommand } from './commands/status.ts';
import { windowsCommand } from './commands/windows.ts';
import { workerCommand } from './commands/worker.ts';
import { commandLine, PROGRAM_NAME } from './program-name.ts';

/** In the order of --help. Each defines its options, and imports what it runs only when it runs. */
const COMMANDS: readonly (() => Command)[] = [
  workerCommand,
  statusCommand,
  explainCommand,
  doctorCommand,
  historyCommand,
  renewCommand,
  revokeCommand,
  campaignCommand,
  drillCommand,
  pauseCommand,
  resumeCommand,
  releaseCommand,
  accountCommand,
  caCommand,
  canaryCommand,
  budgetCommand,
  windowsCommand,
  reportCommand,
  dnsCommand,
  codecServerCommand,
  configCommand,
  completionCommand,
];

const CLOSING = `
To begin: ${commandLine('doctor')} checks the installation, ${commandLine('status')} shows the fleet. Each command has --help.
Exit codes: 0 success; 1 failure; 2 wrong use or configuration, and nothing was done.`;

/** A program that throws CommanderError where commander would end the process. */
export function createProgram(): Command {
  const program = new Command(PROGRAM_NAME)
    .description('Durable TLS certificates for fleets of OpenShift clusters, orchestrated by Temporal.')
    .version(VERSION)
    .addHelpText('after', CLOSING);
  for (const command of COMMANDS) program.addCommand(command());
  program.addCommand(completeCommand(), { hidden: true });
  prepare(program, '--help');
  return program;
}

/** @param help the arguments that print a command's help. */
function prepare(command: Command, help: string): void {
  command.configureHelp({ optionDescription });
  command.exitOverride().showHelpAfterError(`See: ${commandLine(help)}`);
  for (const child of command.commands) prepare(child, help.replace('--help', `${child.name()} --help`));
}

const HELP = new Help();

/** Commander's own help does not say which options a command cannot do without. */
function optionDescription(option: Option): string {
  const description = HELP.optionDescription(option);
  return option.mandatory ? `${description} (required)` : description;
}
