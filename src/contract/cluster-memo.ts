/** Memo of `clusterCertificates`: read in bulk by lists, carried through continue-as-new, and without a registration. */
import { type ClusterView, clusterDigest } from '../clusters/cluster-view.ts';

/** Name of the memo's entry with the digest of the view that the workflow observed last; an event each time it changes. */
export const VIEW_DIGEST = 'viewDigest';

/** The memo that a workflow starts with. The name of its object may be truncated in the workflow id. */
export function clusterMemo(view: ClusterView): Readonly<Record<string, string>> {
  const { managementCluster, namespace, name, uid } = view.identity;
  return { managementCluster, namespace, name, uid, [VIEW_DIGEST]: clusterDigest(view) };
}

/** The digest in a memo; undefined when there is none. */
export function viewDigestIn(memo: Readonly<Record<string, unknown>> | undefined): string | undefined {
  const digest = memo?.[VIEW_DIGEST];
  return typeof digest === 'string' ? digest : undefined;
}
