import type { Environment } from './configuration-error.ts';
import type { SettingRow } from './setting.ts';
import { SETTING_GROUPS, SETTINGS } from './settings.ts';

/** Every setting by group, certman's own first within a group. */
export function describeSettings(): readonly (SettingRow & { readonly group: string })[] {
  return Object.entries(SETTING_GROUPS).flatMap(([group, rows]) =>
    rows.map(({ name, meaning, whenUnset, example }) => ({ name, group, meaning, whenUnset, example })),
  );
}

/** The settings below their headings. */
export function settingsAsText(): string {
  const groups = Object.entries(SETTING_GROUPS).map(([group, rows]) => [group, ...rows.map(rowAsText)].join('\n'));
  return groups.join('\n\n');
}

function rowAsText({ name, meaning, whenUnset, example }: SettingRow): string {
  const text = `  ${name}\n      ${meaning}\n      when not set: ${whenUnset}; example: ${example}`;
  return text.replaceAll('`', '');
}

/** docs/configuration.md between its markers: a table for each group, a row for each setting. */
export function settingsAsMarkdown(): string {
  const groups = Object.entries(SETTING_GROUPS).map(([group, rows]) =>
    [
      `## ${group}`,
      '',
      '| setting | meaning | when not set | example |',
      '| --- | --- | --- | --- |',
      ...rows.map(rowAsMarkdown),
      '',
    ].join('\n'),
  );
  return groups.join('\n');
}

function rowAsMarkdown({ name, meaning, whenUnset, example }: SettingRow): string {
  return `| \`${name.replaceAll(', ', '`, `')}\` | ${withLinks(meaning)} | ${whenUnset} | \`${example}\` |`;
}

/** Names of pages in docs/ become links beside the page that has the table. */
function withLinks(text: string): string {
  return text.replaceAll(/\bdocs\/([a-z0-9/-]+\.md)/g, '[$1]($1)');
}

/** Variables that Kubernetes adds to every pod for each Service of the namespace. */
const SERVICE_VARIABLE = /_SERVICE_(HOST|PORT)(_|$)|_PORT(_\d+_(TCP|UDP|SCTP)(_\w+)?)?$/;

/** Variables of the local stack (`CERTMAN_LOCAL_DOWNLOADS`), which a developer has set for every command. */
const LOCAL_STACK_PREFIX = 'CERTMAN_LOCAL_';

/** Variables that are named like settings but are none, each with the setting that was probably meant. */
export function unknownSettings(
  environment: Environment,
): readonly { readonly name: string; readonly meant?: string }[] {
  const known = Object.values(SETTINGS).map((setting) => setting.name);
  return Object.keys(environment)
    .filter((name) => name.startsWith('CERTMAN_') && !name.startsWith(LOCAL_STACK_PREFIX))
    .filter((name) => !known.includes(name) && !SERVICE_VARIABLE.test(name))
    .map((name) => ({ name, meant: known.find((candidate) => editDistance(candidate, name) <= 3) }));
}

function editDistance(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (const [row, letter] of left.split('').entries()) {
    const current = [row + 1];
    for (const [column, other] of right.split('').entries()) {
      const substitution = (previous[column] ?? 0) + (letter === other ? 0 : 1);
      current.push(Math.min(substitution, (previous[column + 1] ?? 0) + 1, (current[column] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[right.length] ?? 0;
}
