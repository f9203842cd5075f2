/** Checks that files, scripts, commands and settings named in the documents exist. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../src/cli/program.ts';
import { settingsAsMarkdown } from '../../src/configuration/describe-settings.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const DOCUMENTS = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'SECURITY.md',
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => join('docs', file)),
];

/** @returns the arguments of commands that start with `start`, from inline code and code blocks only. */
function commandsIn(text: string, start: string): readonly string[][] {
  const blocks = [...text.matchAll(/```\w*\n([^]*?)```/g)].flatMap(([, block = '']) => block.split(/\n|&&/));
  const spans = [...text.replaceAll(/```[^]*?```/g, '').matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span);
  return [...blocks, ...spans]
    .map((line) => line.replace(/#.*$/, '').trim())
    .filter((line) => line.startsWith(`${start} `))
    .map((line) => line.slice(start.length + 1).split(/\s+/));
}

/** @returns the first command or option that certman does not have; undefined when it has all. */
function firstUnknownWord(words: readonly string[]): string | undefined {
  let command = createProgram();
  for (const word of words) {
    if (word.startsWith('--')) {
      const known = word === '--help' || command.options.some(({ long }) => long === word.split('=')[0]);
      if (!known) return word;
      continue;
    }
    const child = command.commands.find((one) => one.name() === word);
    if (child === undefined && command.registeredArguments.length === 0 && command.commands.length > 0) return word;
    command = child ?? command;
  }
  return undefined;
}

it('the settings table in README is the output of `certman config --markdown`', () => {
  const table = /<!-- settings: npx certman config --markdown -->\n([^]*?)<!-- \/settings -->/.exec(read('README.md'));
  expect(table?.[1]).toBe(settingsAsMarkdown());
});

describe.each(DOCUMENTS)('%s', (document) => {
  const text = read(document);

  it('links to existing files only', () => {
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link.replace(/#.*$/, ''));
    const here = links.filter((link) => link !== '' && !/^[a-z]+:/.test(link));
    expect(here.filter((link) => !existsSync(join(ROOT, dirname(document), link)))).toEqual([]);
  });

  it('names existing npm scripts only', () => {
    const { scripts } = JSON.parse(read('package.json')) as { readonly scripts: Readonly<Record<string, string>> };
    const named = commandsIn(text, 'npm run').map(([script = '']) => script);
    expect(named.filter((script) => scripts[script] === undefined)).toEqual([]);
  });

  it('names existing certman commands and options only', () => {
    const starts = ['npx certman', 'certman', 'kubectl certman', 'oc certman'];
    const wrong = starts
      .flatMap((start) => commandsIn(text, start))
      .flatMap((words) => {
        const unknown = firstUnknownWord(words);
        return unknown === undefined ? [] : [`${words.join(' ')}: ${unknown}`];
      });
    expect(wrong).toEqual([]);
  });
});
