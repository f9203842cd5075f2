import { formatInstant, formatTable } from '../output.ts';
import type { DescribedRule } from './describe-rules.ts';
import type { RenewalSchedule } from './read-schedule.ts';

/** Rules as a table. */
export function rulesText(rules: readonly DescribedRule[]): string {
  if (rules.length === 0)
    return 'There are no renewal windows and no freezes: planned renewals start when they are due.';
  const rows = rules.map(({ kind, name, schedule = 'once', selects = '(all)', period }) => [
    kind,
    name,
    selects,
    schedule,
    period === undefined ? 'over' : `${period.now ? 'now, ' : ''}${period.start} to ${period.end}`,
  ]);
  return formatTable(['KIND', 'NAME', 'SELECTS', 'SCHEDULE', 'NEXT'], rows);
}

/** When renewals of a cluster may start. */
export function scheduleText({ cluster, windows, freezes, periods, certificates }: RenewalSchedule): string {
  const lines = [
    `Cluster: ${cluster}`,
    `Windows: ${windows.length === 0 ? 'none, so that renewals may start at any time outside freezes' : windows.join(', ')}`,
    `Freezes: ${freezes.length === 0 ? 'none' : freezes.join(', ')}`,
    'Planned renewals may start:',
    ...(periods.length === 0 ? ['  not within a year, and so only when they can wait no longer'] : []),
    ...periods.map(({ start, end }) => `  from ${start}${end === undefined ? ' on' : ` to ${end}`}`),
  ];
  for (const { request, renewalTime, postponed } of certificates) {
    const waits = postponed === undefined ? '' : `, postponed (${postponed})`;
    lines.push(`${request}: renews ${renewalTime === undefined ? '–' : formatInstant(renewalTime)}${waits}`);
  }
  return lines.join('\n');
}
