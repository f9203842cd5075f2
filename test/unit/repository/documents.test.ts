/** What the documents name exists: files, headings, npm scripts, commands with their flags, settings. */
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { settingsAsMarkdown } from '../../../src/configuration/describe-settings.ts';
import { whyCertmanRefuses } from '../../support/documents/certman-command.ts';
import { anchorsIn, commandsIn, linksIn } from '../../support/documents/markdown.ts';
import { whatNpmRunLacks } from '../../support/documents/npm-scripts.ts';
import { exists, filesBelow, filesIn, read } from './files.ts';

const DOCUMENTS = [...filesIn('.', '.md'), ...filesBelow('docs').filter((file) => file.endsWith('.md'))];
const CERTMAN = ['npx certman', 'certman', 'kubectl certman', 'oc certman', 'node bin/certman.js'];

/** Path from the root of a link in a document; undefined where there is no such file. */
function fileOf(document: string, path: string): string | undefined {
  const file = path === '' ? document : join(dirname(document), path);
  return exists(file) ? file : undefined;
}

it('the settings in docs/configuration.md are the output of `certman config --markdown`', () => {
  const page = read('docs/configuration.md');
  const settings = /<!-- settings: npx certman config --markdown -->\n\n([^]*?)\n<!-- \/settings -->/.exec(page);
  expect(settings?.[1]).toBe(settingsAsMarkdown());
});

it('a reader reaches every document from README by links', () => {
  const reached = new Set(['README.md']);
  for (const document of reached) {
    if (!document.endsWith('.md')) continue;
    for (const { path } of linksIn(read(document))) {
      const file = fileOf(document, path);
      if (file?.endsWith('.md') === true) reached.add(file);
    }
  }
  expect(DOCUMENTS.filter((document) => document.startsWith('docs/') && !reached.has(document))).toEqual([]);
});

it('documents that messages of the program and its deployment name exist, with the heading', () => {
  const sources = ['src', 'workflows', 'activities', 'deploy'].flatMap((folder) =>
    filesBelow(folder).filter((file) => /\.(ts|yaml|json)$/.test(file)),
  );
  const named = sources.flatMap((file) =>
    [...read(file).matchAll(/(?<![\w/.-])docs\/[a-z0-9/-]+\.md(?:#([\w-]+))?/g)].map(([text, anchor]) => ({
      text,
      anchor,
    })),
  );
  const wrong = named.filter(({ text, anchor }) => {
    const [path = ''] = text.split('#');
    return !exists(path) || (anchor !== undefined && !anchorsIn(read(path)).has(anchor));
  });
  expect(wrong).toEqual([]);
});

describe.each(DOCUMENTS)('%s', (document) => {
  const text = read(document);

  it('links to files and headings that exist', () => {
    const broken = linksIn(text).filter(({ path, anchor }) => {
      const file = fileOf(document, path);
      if (file === undefined) return true;
      return anchor !== undefined && file.endsWith('.md') && !anchorsIn(read(file)).has(anchor);
    });
    expect(broken).toEqual([]);
  });

  it('names npm scripts that exist, with their flags', () => {
    const wrong = commandsIn(text, ['npm run']).flatMap((command) => {
      const lacking = whatNpmRunLacks(command);
      return lacking === undefined ? [] : [`${command.text}: ${lacking}`];
    });
    expect(wrong).toEqual([]);
  });

  it('names commands of certman that it accepts', async () => {
    const wrong: string[] = [];
    for (const command of commandsIn(text, CERTMAN)) {
      const reason = await whyCertmanRefuses(command);
      if (reason !== undefined) wrong.push(`${command.text}: ${reason}`);
    }
    expect(wrong).toEqual([]);
  });

  it('names the namespace in each command of Temporal: the CLI’s default is another one than that of deploy/base', () => {
    const { data } = parse(read('deploy/base/worker-settings.yaml')) as {
      readonly data: Readonly<Record<string, string>>;
    };
    const namespaces = commandsIn(text, ['temporal'])
      // A span may name a command without its arguments.
      .filter(({ words, isComplete }) => isComplete || words.some((word) => word.startsWith('--')))
      .filter(({ words }) => !(words[0] === 'server' || words.includes('codec')))
      .map((command) => ({
        command: command.text,
        namespace: command.words[command.words.indexOf('--namespace') + 1],
      }));
    expect(namespaces.filter(({ namespace }) => namespace !== data['TEMPORAL_NAMESPACE'])).toEqual([]);
  });
});
