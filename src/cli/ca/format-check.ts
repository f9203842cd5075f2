import { counted } from '../../failures/counted.ts';
import { formatTable } from '../output.ts';
import type { CheckedCa } from './check-accounts.ts';
import type { FleetCheck } from './check-fleet.ts';

/** What `certman ca check` finds. */
export interface CaCheck {
  readonly cas: readonly CheckedCa[];
  readonly clusters: FleetCheck;
}

/** As text: the CAs in their order, the staging CA, then the clusters that they may not issue for. */
export function formatCheck({ cas, clusters: { checked, refused, undecided } }: CaCheck): string {
  const rows = cas.map((one, index) => [
    one.staging === true ? 'staging' : String(index + 1),
    one.ca || '–',
    one.secret,
    one.problem === undefined ? 'usable' : 'NOT USABLE',
    one.accountStatus ?? '–',
    one.ari === undefined ? '–' : one.ari ? 'yes' : 'no',
    one.profiles === undefined || one.profiles.length === 0 ? '–' : one.profiles.join(','),
    one.terms ?? '–',
  ]);
  const lines = [formatTable(['#', 'CA', 'SECRET', 'STATE', 'ACCOUNT', 'ARI', 'PROFILES', 'TERMS'], rows)];
  for (const one of cas) lines.push(...notesOn(one));
  lines.push(
    '',
    `${counted(checked, 'cluster')} checked: ${refused.length === 0 ? 'every CA may issue for each' : `${counted(new Set(refused.map(({ cluster }) => cluster)).size, 'cluster')} not with every CA`}.`,
  );
  if (refused.length > 0) {
    const table = refused.map(({ cluster, ca, message, remedy = '' }) => [cluster, ca, `${message} ${remedy}`.trim()]);
    lines.push('', formatTable(['CLUSTER', 'NOT FROM', 'WHY'], table));
  }
  const [first] = undecided;
  if (first !== undefined) {
    const where = `${first.cluster}, ${first.ca}: ${first.why}`;
    lines.push(
      '',
      `Not decided, and left to the CA: ${counted(undecided.length, 'check')}, the first of them ${where}`,
    );
  }
  return lines.join('\n');
}

function* notesOn({ ca, secret, problem, caaIdentities }: CheckedCa): Generator<string> {
  const name = ca || secret;
  if (problem !== undefined) yield `${name}: ${problem}`;
  else if (caaIdentities?.length === 0)
    yield `${name}: it does not say by which name CAA records allow it; that is left to it.`;
}
