import { type Command, CommanderError } from 'commander';
import { createProgram } from '../../../src/cli/program.ts';
import type { DocumentCommand } from './markdown.ts';

/** What an inline mention may leave out: `certman explain` without its cluster, a flag without its value. */
const INCOMPLETE = new Set([
  'commander.missingArgument',
  'commander.missingMandatoryOptionValue',
  'commander.optionMissingArgument',
]);
const PRINTS = new Set(['commander.helpDisplayed', 'commander.version']);

/**
 * Has certman's own program parse a command, without running it.
 * @returns why it does not; undefined when it does.
 */
export async function whyCertmanRefuses({ words, isComplete }: DocumentCommand): Promise<string | undefined> {
  const program = createProgram();
  quiet(program);
  try {
    await program.parseAsync([...words], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (PRINTS.has(error.code) || (!isComplete && INCOMPLETE.has(error.code))) return undefined;
    if (error.code === 'commander.invalidArgument' && /'<[^>]+>' is invalid/.test(error.message)) return undefined;
    return error.message;
  }
  return undefined;
}

/** Prints nothing, and does nothing once a command is parsed. */
function quiet(command: Command): void {
  command.configureOutput({ writeOut: () => undefined, writeErr: () => undefined });
  command.action(() => undefined);
  for (const child of command.commands) quiet(child);
}
