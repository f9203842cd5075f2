/** Campaigns for people. */

import { type CampaignOutcome, countsText, totalOf } from '../../campaigns/outcome.ts';
import { thresholdText } from '../../campaigns/stop-threshold.ts';
import type { CampaignRevocation } from '../../contract/campaign-request.ts';
import type { CampaignStatus } from '../../contract/renewal-campaign.ts';
import { counted } from '../../failures/counted.ts';
import { formatInstant, formatRelative, formatTable } from '../output.ts';
import { commandLine } from '../program-name.ts';
import type { CampaignReport, CampaignRow } from './read-campaigns.ts';
import type { PlannedCampaign } from './start-campaign.ts';

/** Of a preview. */
const MAX_ROWS = 20;

/** What was, or would be, started. */
export function plannedText(planned: PlannedCampaign): string {
  const { plan, certificates, waves, started } = planned;
  const { name, revocation, canary, stopAt, deadline } = plan;
  const shown = certificates.slice(0, MAX_ROWS);
  const rows = shown.map(({ cluster, bundleName, serialNumber, issuerName, notAfter }) => [
    cluster,
    bundleName,
    serialNumber,
    issuerName,
    notAfter === undefined ? '–' : formatRelative(new Date(notAfter).toISOString()),
  ]);
  const more = certificates.length - shown.length;
  const revoked =
    revocation === undefined
      ? 'The old certificates stay valid.'
      : `The old ones are revoked ${revokedWhen(revocation)}.`;
  const lines = [
    started ? `Campaign ${name} has begun.` : `Campaign ${name} would be started; nothing was done.`,
    `${counted(certificates.length, 'certificate')} in ${counted(waves.length, 'wave')}${canary ? `, first a canary of ${waves[0]}` : ''}; it stops at ${thresholdText(stopAt)}.`,
    `${revoked} Deadline: ${formatInstant(deadline)}.`,
    ...unknownText(planned),
  ];
  if (!started) lines.push('', formatTable(['CLUSTER', 'BUNDLE', 'SERIAL', 'ISSUER', 'EXPIRES'], rows));
  if (!started && more > 0) lines.push(`and ${more} more; -o json lists them`);
  if (started) lines.push('', `How far it is: ${commandLine(`campaign status ${name} --watch`)}`);
  return lines.join('\n');
}

function revokedWhen({ delayMs, latestAt }: CampaignRevocation): string {
  if (delayMs === 0) return 'as soon as the new ones are in their Secrets';
  const after = `${delayMs / 60_000} min after the new ones are in their Secrets`;
  if (latestAt === undefined) return after;
  return `${after}, and not before the clusters serve these, but at the deadline at the latest`;
}

/** What was asked for and is not in use. */
export function unknownText({
  unknownSerials,
  unknownClusters,
}: Pick<PlannedCampaign, 'unknownSerials' | 'unknownClusters'>): readonly string[] {
  const listed = (all: readonly string[]): string =>
    `${all.slice(0, 5).join(', ')}${all.length > 5 ? ` and ${all.length - 5} more` : ''}`;
  return [
    ...(unknownSerials.length === 0 ? [] : [`No certificate in use has the serial numbers ${listed(unknownSerials)}.`]),
    ...(unknownClusters.length === 0 ? [] : [`Nothing is selected of the clusters ${listed(unknownClusters)}.`]),
  ];
}

/** How far a campaign is, and what can be done. */
export function statusText(status: CampaignStatus): string {
  const { name, phase, reason, counts, waves, begun, selection, requestedBy } = status;
  const { startedAt, endedAt, deadline, lastReplaced, expectedEnd, late, stopAt } = status;
  const left = counts.pending + counts.requested + counts.waiting;
  const end =
    expectedEnd !== undefined
      ? `The last is expected to be replaced at ${formatInstant(expectedEnd)}.`
      : left > 0 && endedAt === undefined
        ? 'When the last is replaced is known once the first ones are.'
        : undefined;
  const rows = waves.map(({ counts: ofWave }, number) => [
    `${number}${status.canary && number === 0 ? ' (canary)' : ''}`,
    number < begun ? 'begun' : 'waits',
    countsText(ofWave),
  ]);
  return [
    `${name}: ${phase}${reason === undefined ? '' : `. ${reason}`}`,
    `${counted(totalOf(counts), 'certificate')} (${selection}), requested by ${requestedBy} ${formatRelative(startedAt)}; it stops at ${thresholdText(stopAt)}`,
    countsText(counts),
    ...(end === undefined ? [] : [end]),
    ...(lastReplaced === undefined ? [] : [`Last replacement: ${formatInstant(lastReplaced)}.`]),
    `Deadline: ${formatInstant(deadline)}${late ? ': LATE' : ''}.`,
    ...(endedAt === undefined ? [] : [`Ended: ${formatInstant(endedAt)}.`]),
    '',
    formatTable(['WAVE', '', 'CERTIFICATES'], rows.slice(0, 2 * MAX_ROWS)),
    ...(rows.length > 2 * MAX_ROWS ? [`and ${rows.length - 2 * MAX_ROWS} more; -o json has all`] : []),
    ...nextCommands(status),
  ].join('\n');
}

function nextCommands({ name, phase, counts }: CampaignStatus): readonly string[] {
  const commands = [
    ...(counts.failing + counts.blocked + counts.skipped > 0 ? [`campaign report ${name}`] : []),
    ...(phase === 'Stopped' || phase === 'Paused' ? [`campaign resume ${name}`, `campaign abort ${name}`] : []),
  ];
  return commands.length === 0 ? [] : ['', ...commands.map((command) => `  ${commandLine(command)}`)];
}

/** Every certificate: those that are not replaced first. */
export function reportText(report: CampaignReport): string {
  const { certificates, missingWaves } = report;
  const sorted = [...certificates].sort((one, other) => rank(one.outcome) - rank(other.outcome));
  const rows = sorted.map(({ cluster, bundleName, wave, serialNumber, outcome }) => [
    cluster,
    bundleName,
    `${wave}`,
    serialNumber,
    outcome?.kind ?? (wave < report.begun ? 'requested' : 'pending'),
    outcomeText(outcome),
  ]);
  const missing = missingWaves.length === 0 ? [] : [`Temporal no longer has the waves ${missingWaves.join(', ')}.`];
  return [
    statusText(report),
    '',
    formatTable(['CLUSTER', 'BUNDLE', 'WAVE', 'OLD SERIAL', 'OUTCOME', 'DETAILS'], rows),
    ...missing,
  ].join('\n');
}

function rank(outcome: CampaignOutcome | undefined): number {
  const order = ['failing', 'blocked', 'skipped', 'waiting', undefined, 'revoking', 'replaced'];
  return order.indexOf(outcome?.kind);
}

function outcomeText(outcome: CampaignOutcome | undefined): string {
  switch (outcome?.kind) {
    case 'replaced':
      return `by ${outcome.serialNumber} at ${outcome.at}${outcome.revocation === undefined ? '' : `; old one ${outcome.revocation}`}`;
    case 'revoking':
      return `by ${outcome.serialNumber} at ${outcome.at}; old one is revoked at ${outcome.until}${outcome.message === undefined ? '' : `: ${outcome.message}`}`;
    case 'waiting':
      return `until ${outcome.until}: ${outcome.message}`;
    case 'failing':
      return `${outcome.code}: ${outcome.message}`;
    case 'blocked':
    case 'skipped':
      return outcome.message;
    case undefined:
      return '';
  }
}

/** One row for each campaign. */
export function campaignsText(rows: readonly CampaignRow[]): string {
  if (rows.length === 0) return 'There is no campaign.';
  return formatTable(
    ['CAMPAIGN', 'PHASE', 'PROGRESS', 'STARTED', 'ENDED', 'BY'],
    rows.map(({ name, phase, late, progress = '', startedAt, endedAt, requestedBy = '' }) => [
      name,
      late ? `${phase}, late` : phase,
      progress,
      formatRelative(startedAt),
      formatRelative(endedAt),
      requestedBy,
    ]),
  );
}
