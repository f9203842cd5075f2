import type { SearchAttributeUpdatePair } from '@temporalio/common';
import { summaryMessage } from '../../src/certificates/status-messages.ts';
import { compareUrgency } from '../../src/certificates/urgency.ts';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import { gateOf, isUsedElsewhere } from '../../src/clusters/gate.ts';
import { alsoOf, alsoText } from '../../src/contract/also.ts';
import { type BundleRecord, renewalTimeOf, shownReasonOf } from '../../src/contract/bundle-record.ts';
import { requestMessages } from '../../src/contract/requests.ts';
import {
  CertAlso,
  CertExpiry,
  CertIssuer,
  CertNames,
  CertReason,
  CertRenewAt,
  CertState,
} from '../../src/contract/search-attributes.ts';

/** The details page of a cluster's workflow in the Temporal Web UI, as Markdown. */
export function clusterDetails(
  clusterName: string,
  situation: string,
  records: Readonly<Record<string, BundleRecord>>,
): string {
  const lines = [`### ${clusterName}`, '', situation, ''];
  const sorted = Object.entries(records).sort(([one], [other]) => (one < other ? -1 : 1));
  if (sorted.length === 0) return [...lines, 'No certificate bundle is to be generated.'].join('\n');
  for (const [name, record] of sorted)
    lines.push(`**${name}**: ${[summaryMessage(record), ...requestMessages(record)].join(' ')}`, '');
  lines.push('| bundle | state | names | expires | renews | Secret |', '| --- | --- | --- | --- | --- | --- |');
  for (const [name, record] of sorted) {
    const { state, dnsNames, certificate, secretName } = record;
    const names = escapeCell(shortList(dnsNames));
    const instants = `${toMinute(certificate?.notAfter)} | ${toMinute(renewalTimeOf(record))}`;
    lines.push(`| ${name} | **${state}** | ${names} | ${instants} | ${secretName} |`);
  }
  lines.push('', `More: \`certman explain ${clusterName}\``);
  // Web UI 2.42 makes its frame as high as the text without its margins, and so cuts off the last line.
  lines.push('', '&nbsp;');
  return lines.join('\n');
}

/** Fits a cell of the narrow table; the sentence above it has the seconds. */
function toMinute(instant: string | undefined): string {
  return instant === undefined ? '–' : `${instant.slice(0, 16).replace('T', ' ')}Z`;
}

function shortList(names: readonly string[]): string {
  const shown = names.slice(0, 4).join(', ');
  return names.length > 4 ? `${shown} and ${names.length - 4} more` : shown;
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('*', '\\*');
}

/** What holds for the cluster as a whole, in a sentence or two. */
export function situationMessage(view: ClusterView, gone: boolean, claimedBy: string | undefined): string {
  if (claimedBy !== undefined)
    return `It belongs to ClusterDeployment ${claimedBy}, whose workflow manages its certificate.`;
  if (gone)
    return `It is gone; its certificates ${isUsedElsewhere(view) ? 'stay valid' : 'are revoked'}, its objects are deleted.`;
  const gate = gateOf(view);
  switch (gate.kind) {
    case 'decommission':
      return gate.message;
    case 'serve':
      return ['Its certificates are managed by certman.', gate.note, ...notesOn(view)].filter(Boolean).join(' ');
    case 'skip':
    case 'wait':
    case 'handsOff':
      return `Not served now. ${gate.message}`;
  }
}

/** Facts about a cluster that do not affect how it is served. */
function notesOn({ hibernating, limitedSupport }: ClusterView): readonly (string | false | undefined)[] {
  return [
    hibernating && 'The cluster hibernates; its certificates are renewed, and Hive installs them when it wakes.',
    limitedSupport && 'It is in limited support.',
  ];
}

/** Search attributes of a cluster; without any bundle, only the state of a decommission. */
export function searchAttributesOf(
  records: Readonly<Record<string, BundleRecord>>,
  decommissioning: boolean,
): SearchAttributeUpdatePair[] {
  const shown = mostUrgent(records);
  const also = alsoOf(records, shown).map(alsoText);
  const attributes = mainAttributesOf(records, decommissioning, shownReasonOf);
  return attributes.length === 0 ? [] : [...attributes, { key: CertAlso, value: also.length === 0 ? null : also }];
}

/** Whether one of them says more than the state and the reason. */
export function hasAlso(attributes: readonly SearchAttributeUpdatePair[]): boolean {
  return attributes.some(({ key, value }) => key === CertAlso && value !== null);
}

/** Those that runs without `ALSO_PUBLISHED` compare: of the most urgent bundle. @param reason of a bundle. */
export function mainAttributesOf(
  records: Readonly<Record<string, BundleRecord>>,
  decommissioning: boolean,
  reason: (record: BundleRecord) => string,
): SearchAttributeUpdatePair[] {
  const shown = mostUrgent(records);
  if (shown === undefined) return decommissioning ? [{ key: CertState, value: 'Decommissioning' }] : [];
  const { certificate, dnsNames, state } = shown;
  const renewalTime = renewalTimeOf(shown);
  return [
    { key: CertState, value: state },
    { key: CertReason, value: reason(shown) },
    { key: CertNames, value: dnsNames.length === 0 ? null : dnsNames.slice(0, 10) },
    { key: CertIssuer, value: certificate?.issuerName.slice(0, 200) ?? null },
    { key: CertExpiry, value: certificate === undefined ? null : new Date(certificate.notAfter) },
    { key: CertRenewAt, value: renewalTime === undefined ? null : new Date(renewalTime) },
  ];
}

function mostUrgent(records: Readonly<Record<string, BundleRecord>>): BundleRecord | undefined {
  return Object.values(records).sort((a, b) => compareUrgency(urgencyOf(a), urgencyOf(b)))[0];
}

function urgencyOf({ state, certificate }: BundleRecord) {
  return { state, notAfter: certificate?.notAfter };
}
