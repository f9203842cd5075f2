/** What can stand at the cursor of a command line, by the commands and options of the program. */
import type { Command, Option } from 'commander';

/** One completion. */
export interface Candidate {
  readonly value: string;
  readonly description: string;
}

/** The candidates, all of which begin with the word at the cursor. */
export interface Completion {
  readonly candidates: readonly Candidate[];
  /** The shell completes names of files. */
  readonly files?: true;
}

/** Names on the management cluster. Each resolves to none where they cannot be read. @param given options before the cursor. */
export interface LiveNames {
  namespaces(given: ReadonlyMap<string, string>): Promise<readonly string[]>;
  contexts(given: ReadonlyMap<string, string>): Promise<readonly string[]>;
  /** @param word at the cursor: `name` or `namespace/name`. */
  clusters(given: ReadonlyMap<string, string>, word: string): Promise<readonly string[]>;
}

/** @param words after the program's name up to the cursor; the last one, maybe empty, is completed. */
export async function complete(program: Command, words: readonly string[], live: LiveNames): Promise<Completion> {
  // bash makes a word of the `=` in --output=json.
  const before = words.slice(0, -1).filter((word) => word !== '=');
  const last = words.at(-1) ?? '';
  const current = last === '=' ? '' : last;
  const line = parse(program, before);
  if (line.pending !== undefined) return await valuesOf(line.pending, line.given, current, '', live);
  const [flag, value] = split(current);
  if (flag.startsWith('-')) {
    if (value === undefined) return { candidates: startingWith(current, optionsOf(line.command)) };
    const option = findOption(line.command, flag);
    return option === undefined ? { candidates: [] } : await valuesOf(option, line.given, value, `${flag}=`, live);
  }
  const { command, positionals, given } = line;
  if (command.commands.length > 0)
    return { candidates: positionals === 0 ? startingWith(current, commandsOf(command)) : [] };
  const argument = command.registeredArguments[positionals];
  if (argument === undefined) return { candidates: [] };
  if (argument.argChoices !== undefined) return { candidates: startingWith(current, plain(argument.argChoices)) };
  if (argument.name() !== 'cluster') return { candidates: [] };
  return { candidates: startingWith(current, plain(await live.clusters(given, current))) };
}

interface ParsedLine {
  readonly command: Command;
  readonly positionals: number;
  /** Values of options, by their attribute name. */
  readonly given: ReadonlyMap<string, string>;
  /** An option whose value is the next word. */
  readonly pending: Option | undefined;
}

function parse(program: Command, before: readonly string[]): ParsedLine {
  let command = program;
  let positionals = 0;
  let pending: Option | undefined;
  const given = new Map<string, string>();
  for (const word of before) {
    if (pending !== undefined) {
      given.set(pending.attributeName(), word);
      pending = undefined;
    } else if (word.startsWith('-')) {
      const [flag, value] = split(word);
      const option = findOption(command, flag);
      if (option === undefined || !takesValue(option)) continue;
      if (value === undefined) pending = option;
      else given.set(option.attributeName(), value);
    } else {
      const child = command.commands.find((one) => one.name() === word || one.aliases().includes(word));
      if (child === undefined) positionals += 1;
      else command = child;
    }
  }
  return { command, positionals, given, pending };
}

/** `--flag=value`. */
function split(word: string): readonly [flag: string, value: string | undefined] {
  const at = word.indexOf('=');
  return at < 0 || !word.startsWith('--') ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}

function findOption(command: Command, flag: string): Option | undefined {
  return command.options.find((option) => option.long === flag || option.short === flag);
}

function takesValue({ required, optional }: Option): boolean {
  return required || optional;
}

async function valuesOf(
  option: Option,
  given: ReadonlyMap<string, string>,
  current: string,
  prefix: string,
  live: LiveNames,
): Promise<Completion> {
  const choices = option.argChoices ?? (await liveValues(option, given, live));
  if (choices === undefined) return { candidates: [], ...(option.flags.includes('<file>') ? { files: true } : {}) };
  const candidates = startingWith(current, plain(choices));
  return { candidates: candidates.map(({ value, description }) => ({ value: `${prefix}${value}`, description })) };
}

async function liveValues(option: Option, given: ReadonlyMap<string, string>, live: LiveNames) {
  if (option.attributeName() === 'namespace') return await live.namespaces(given);
  return option.attributeName() === 'context' ? await live.contexts(given) : undefined;
}

function startingWith(current: string, candidates: readonly Candidate[]): readonly Candidate[] {
  return candidates.filter(({ value }) => value.startsWith(current));
}

function plain(values: readonly string[]): readonly Candidate[] {
  return values.map((value) => ({ value, description: '' }));
}

function commandsOf(command: Command): readonly Candidate[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .map((child) => ({ value: child.name(), description: child.summary() || child.description() }));
}

function optionsOf(command: Command): readonly Candidate[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .map(({ long, short, description }) => ({ value: long ?? short ?? '', description }));
}

/** The protocol of cobra's `__complete`, which kubectl reads: `value<TAB>description` lines, then `:` and a directive. */
export function formatCompletion({ candidates, files }: Completion): string {
  const lines = candidates.map(({ value, description }) => `${value}\t${description}`);
  return [...lines, files === true ? ':0' : ':4'].join('\n');
}
