import { describe, expect, it, test } from 'vitest';
import { complete, formatCompletion, type LiveNames } from '../../../src/cli/completion/candidates.ts';
import { createProgram } from '../../../src/cli/program.ts';

const asked: string[] = [];
const live: LiveNames = {
  namespaces: () => Promise.resolve(['ns-1', 'ns-2', 'other']),
  contexts: () => Promise.resolve(['one', 'two']),
  clusters: (given, word) => {
    asked.push(`${given.get('namespace')} ${given.get('context')} ${word}`);
    return Promise.resolve(word.includes('/') ? ['ns-1/blue'] : ['blue', 'green']);
  },
};

async function offered(...words: readonly string[]): Promise<readonly string[]> {
  return (await complete(createProgram(), words, live)).candidates.map(({ value }) => value);
}

describe('at the cursor', () => {
  it.each([
    [['sta'], ['status']],
    [['account', 'ro'], ['rollover']],
    [['account', 'show', ''], []],
    [['no-such', ''], []],
    [
      ['status', '--all'],
      ['--all-namespaces', '--all'],
    ],
    [['status', '--no-such='], []],
    [['status', '-o', 'w'], ['wide']],
    [['status', '-o', 'json', 'b'], ['blue']],
    [['status', '--output=y'], ['--output=yaml']],
    [
      ['status', '--output', '=', ''],
      ['table', 'wide', 'json', 'yaml'],
    ],
    [
      ['status', '--output', '='],
      ['table', 'wide', 'json', 'yaml'],
    ],
    [
      ['status', '-n', 'ns'],
      ['ns-1', 'ns-2'],
    ],
    [['status', '--namespace=o'], ['--namespace=other']],
    [['status', '--context', 't'], ['two']],
    [['explain', 'ns-1/b'], ['ns-1/blue']],
    [['explain', 'blue', ''], []],
    [['status', '--watch', 'g'], ['green']],
    [['budget', ''], []],
    [['complet'], ['completion']],
  ] as const)('of %j: %j', async (words, candidates) => expect(await offered(...words)).toEqual(candidates));

  it('names are asked for with the namespace and context that are given, wherever the flags are', async () => {
    asked.length = 0;
    await offered('renew', '-n', 'ns-1', '--context=two', 'b');
    expect(asked).toEqual(['ns-1 two b']);
  });
});

test('every command and every flag is offered', async () => {
  const program = createProgram();
  const names = await offered('');
  for (const command of program.commands.filter((one) => one.name() !== 'complete')) {
    expect(names).toContain(command.name());
    const flags = await offered(command.name(), '--');
    if (command.commands.length === 0) for (const { long } of command.options) expect(flags).toContain(long);
  }
});

test('files are left to the shell', async () => {
  expect(formatCompletion(await complete(createProgram(), ['status', '--kubeconfig', ''], live))).toBe(':0');
  expect(formatCompletion(await complete(createProgram(), ['stat'], live))).toMatch(/^status\tshow .*\n:4$/);
});
