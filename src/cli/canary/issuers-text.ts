import { formatInstant, formatTable } from '../output.ts';
import type { ListedIssuer } from './read-issuers.ts';

/** Issuers as a table, with the clusters and the reason of each below it. */
export function issuersText(issuers: readonly ListedIssuer[]): string {
  if (issuers.length === 0) {
    return 'No issuer is recorded: CERTMAN_CANARY_CLUSTERS is 0, or no certificate was installed since it was set.';
  }
  const rows = issuers.map(({ id, name, state, since, places }) => [
    id,
    name,
    state,
    formatInstant(since),
    places.length === 0
      ? '–'
      : `${places.filter(({ installedAt }) => installedAt !== undefined).length}/${places.length}`,
  ]);
  return [formatTable(['ID', 'ISSUER', 'STATE', 'SINCE', 'INSTALLED'], rows), ...issuers.flatMap(notesOn)].join('\n');
}

function notesOn({ name, state, places, decidedAt, why }: ListedIssuer): readonly string[] {
  if (state === 'accepted') return [];
  const clusters = places.map(
    ({ cluster, installedAt }) =>
      `  ${cluster}: ${installedAt === undefined ? 'not installed yet' : `installed ${formatInstant(installedAt)}`}`,
  );
  const decided = why === undefined ? [] : [`  ${state} ${formatInstant(decidedAt)}: ${why}`];
  return ['', name, ...clusters, ...decided];
}
