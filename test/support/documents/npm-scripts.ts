import { readFileSync } from 'node:fs';
import type { DocumentCommand } from './markdown.ts';

const ROOT = new URL('../../../', import.meta.url);

const { scripts } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>;
};

/**
 * Looks a command of `npm run` up in package.json, and its flags in the source of the script, which cannot be imported:
 * it runs what it is given. @returns what does not exist; undefined when all does.
 */
export function whatNpmRunLacks({ words }: DocumentCommand): string | undefined {
  const [name, ...rest] = words.filter((word) => !['-s', '--silent'].includes(word));
  const script = scripts[name ?? ''];
  if (script === undefined) return `no script ${name}`;
  const argumentsAt = rest.indexOf('--');
  const file = /^node (\S+\.ts)$/.exec(script)?.[1];
  if (argumentsAt === -1 || file === undefined) return undefined;
  const [subcommand = '', ...flags] = rest.slice(argumentsAt + 1);
  const source = readFileSync(new URL(file, ROOT), 'utf8');
  const known = subcommand.startsWith('--') ? source : definitionOf(source, subcommand);
  if (known === undefined) return `no ${subcommand} in ${file}`;
  return [subcommand, ...flags]
    .filter((word) => word.startsWith('--') && word !== '--help')
    .find((flag) => !new RegExp(`'(-\\w, )?${flag}[ ']`).test(known));
}

/** What comes before the first command, which they share, and the definition of this one. */
function definitionOf(source: string, name: string): string | undefined {
  const [shared = '', ...definitions] = source.split(/(?<=command\()\s*(?=')/);
  const own = definitions.find((definition) => definition.startsWith(`'${name}'`));
  return own === undefined ? undefined : shared + own;
}
