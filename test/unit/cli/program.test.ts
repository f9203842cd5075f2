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

it('says which options a command cannot do without', () => {
  const required = commands.flatMap((command) => command.options.filter(({ mandatory }) => mandatory));
  expect(required.length).toBeGreaterThan(0);
  for (const command of commands)
    for (const option of command.options)
      expect(command.createHelp().optionDescription(option).endsWith('(required)'), option.flags).toBe(
        option.mandatory,
      );
});

it('lists every command once', () => {
  const names = program.commands.map((command) => command.name());
  expect(new Set(names).size).toBe(names.length);
});

describe('flags of kubectl', () => {
  const leaves = program.commands.flatMap((command) =>
    command.commands.length === 0
      ? [[command.name(), command] as const]
      : command.commands.map((child) => [`${command.name()} ${child.name()}`, child] as const),
  );
  const flagsOf = (name: string): readonly (string | undefined)[] =>
    new Map(leaves).get(name)?.options.map(({ long }) => long) ?? [];

  it('--kubeconfig and --context are of every command but those that read no management cluster', () => {
    const without = leaves.map(([name]) => name).filter((name) => !flagsOf(name).includes('--context'));
    const ofCampaign = ['status', 'list', 'report', 'pause', 'resume', 'abort'].map((name) => `campaign ${name}`);
    expect(without.filter((name) => name !== 'complete')).toEqual([
      'worker',
      ...ofCampaign,
      'budget',
      'codec-server',
      'config',
      'completion',
    ]);
    for (const [name] of leaves)
      expect(flagsOf(name).includes('--kubeconfig'), name).toBe(flagsOf(name).includes('--context'));
  });

  it('-o is of every command that has a result for programs', () => {
    const without = leaves.map(([name]) => name).filter((name) => !flagsOf(name).includes('--output'));
    expect(without.filter((name) => name !== 'complete')).toEqual(['worker', 'codec-server', 'config', 'completion']);
  });

  it('--dry-run is of every command that changes something, but that which creates an account', () => {
    const changing = [
      'renew',
      'revoke',
      'campaign start',
      ...['pause', 'resume', 'abort'].map((name) => `campaign ${name}`),
      'pause',
      'resume',
      'release',
      'account update-contact',
      'account rollover',
      'canary accept',
      'canary refuse',
      'dns sweep',
    ];
    for (const name of changing) expect(flagsOf(name), name).toContain('--dry-run');
  });
});
