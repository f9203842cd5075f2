import type { SearchAttributeUpdatePair } from '@temporalio/common';
import { conditionReason, workflowDetails } from '../../src/certificates/status-messages.ts';
import { compareUrgency } from '../../src/certificates/urgency.ts';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import { gateOf } from '../../src/clusters/gate.ts';
import { type BundleRecord, failureOf, renewalTimeOf, summaryOf } from '../../src/contract/bundle-record.ts';
import {
  CertExpiry,
  CertIssuer,
  CertNames,
  CertReason,
  CertRenewAt,
  CertState,
} from '../../src/contract/search-attributes.ts';

/** What holds for a cluster as a whole. */
export interface ClusterSituation {
  readonly view: ClusterView;
  readonly gone: boolean;
  readonly claimedBy: string | undefined;
}

/** The details page (Markdown). @param name `<namespace>/<name>` */
export function clusterDetails(
  name: string,
  situation: ClusterSituation,
  records: Readonly<Record<string, BundleRecord>>,
): string {
  const bundles = Object.entries(records).map(([bundle, record]) => [bundle, summaryOf(record)] as const);
  return workflowDetails(name, situationMessage(situation), Object.fromEntries(bundles));
}

function situationMessage({ view, gone, claimedBy }: ClusterSituation): string {
  if (claimedBy !== undefined)
    return `It belongs to ClusterDeployment ${claimedBy}, whose workflow manages its certificate.`;
  if (gone) return 'It is gone; its certificates are revoked and its objects deleted.';
  const gate = gateOf(view);
  switch (gate.kind) {
    case 'decommission':
      return 'It is being deleted; its certificates are revoked and its objects deleted.';
    case 'serve':
      return ['Served.', gate.note, ...notesOn(view)].filter(Boolean).join(' ');
    case 'skip':
    case 'wait':
    case 'handsOff':
      return `Not served now. ${gate.message}`;
  }
}

/** Facts about a cluster that do not affect how it is served. */
function notesOn({ hibernating, limitedSupport }: ClusterView): readonly string[] {
  return [
    ...(hibernating === true
      ? ['The cluster hibernates; its certificates are renewed, and Hive installs them when it wakes.']
      : []),
    ...(limitedSupport ? ['It is in limited support.'] : []),
  ];
}

/** Search attributes of the most urgent bundle; without any, only the state of a decommission. */
export function searchAttributesOf(
  records: readonly BundleRecord[],
  decommissioning: boolean,
): SearchAttributeUpdatePair[] {
  const [shown] = [...records].sort((a, b) => compareUrgency(urgencyOf(a), urgencyOf(b)));
  if (shown === undefined) return decommissioning ? [{ key: CertState, value: 'Decommissioning' }] : [];
  const { certificate, dnsNames, state } = shown;
  const failure = failureOf(shown);
  const renewalTime = renewalTimeOf(shown);
  return [
    { key: CertState, value: state },
    { key: CertReason, value: failure === undefined ? state : conditionReason(failure.code) },
    { key: CertNames, value: dnsNames.length === 0 ? null : dnsNames.slice(0, 10) },
    { key: CertIssuer, value: certificate?.issuerName.slice(0, 200) ?? null },
    { key: CertExpiry, value: certificate === undefined ? null : new Date(certificate.notAfter) },
    { key: CertRenewAt, value: renewalTime === undefined ? null : new Date(renewalTime) },
  ];
}

function urgencyOf({ state, certificate }: BundleRecord) {
  return { state, notAfter: certificate?.notAfter };
}
