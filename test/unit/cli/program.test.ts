import { describe, expect, it } from 'vitest';
import { createProgram } from '../../../src/cli/program.ts';

const program = createProgram();
const commands = [...program.commands, ...program.commands.flatMap(({ commands: children }) => children)];

describe.each(commands.map((command) => [command.name(), command] as const))('the command %s', (_name, command) => {
  it('has a summary of one line, a description in sentences, and a description of every argument and option', () => {
    expect(command.summary()).toMatch(/^[^\n.]+$/);
    expect(command.description()).toMatch(/\.$/);
    for (const { description } of [...command.registeredArguments, ...command.options])
      expect(description).not.toBe('');
  });
});

it('lists every command once', () => {
  const names = program.commands.map((command) => command.name());
  expect(new Set(names).size).toBe(names.length);
});
