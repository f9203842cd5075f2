/** What is said about a cluster as a whole: the sentence above its bundles, and the search attributes. */
import type { SearchAttributeUpdatePair } from '@temporalio/common';
import type { ClusterView } from '../../src/clusters/cluster-view.ts';
import { gateOf } from '../../src/clusters/gate.ts';
import { type BundleRecord } from '../../src/contract/bundle-record.ts';
import {
  CertExpiry,
  CertIssuer,
  CertNames,
  CertReason,
  CertRenewAt,
  CertState,
} from '../../src/contract/search-attributes.ts';
import { reasonAttribute } from './search-attributes.ts';

export function clusterSummary(
  view: ClusterView,
  { gone, claimedBy }: { readonly gone: boolean; readonly claimedBy: string | undefined },
): string {
  if (claimedBy !== undefined)
    return `It belongs to ClusterDeployment ${claimedBy}, whose workflow looks after its certificate now.`;
  if (gone) return 'It is gone; its certificates are being revoked and cleared away.';
  if (view.deleting) return 'It is being deleted; its certificates are being revoked and cleared away.';
  const gate = gateOf(view);
  if (gate.kind === 'serve') return ['Served.', gate.note, ...notesOn(view)].filter(Boolean).join(' ');
  return gate.kind === 'decommission' ? 'It is being deleted.' : `Not served now. ${gate.message}`;
}

/** What a person looking at the cluster should know beside its gate; it changes nothing. */
function notesOn(view: ClusterView): readonly string[] {
  return [
    ...(view.hibernating === true
      ? ['The cluster hibernates; its certificates are renewed all the same, and Hive hands them over when it wakes.']
      : []),
    ...(view.limitedSupport ? ['It is in limited support.'] : []),
  ];
}

/** Of the bundle that a person looking over the fleet should see. */
export function searchAttributesOf(shown: BundleRecord): SearchAttributeUpdatePair[] {
  const { certificate } = shown;
  return [
    { key: CertState, value: shown.state },
    { key: CertReason, value: reasonAttribute(shown) },
    { key: CertNames, value: shown.dnsNames.length === 0 ? null : shown.dnsNames.slice(0, 10) },
    { key: CertIssuer, value: certificate?.issuerName.slice(0, 200) ?? null },
    { key: CertExpiry, value: certificate === undefined ? null : new Date(certificate.notAfter) },
    { key: CertRenewAt, value: shown.renewalTime === undefined ? null : new Date(shown.renewalTime) },
  ];
}
