/** Workflow ids, and the identities they contain. */

import { digestOf } from '../certificates/digest.ts';
import type { ClusterIdentity } from '../clusters/cluster-identity.ts';

/** The task queue of everything that acts on one management cluster: only workers of that cluster poll it. */
export function taskQueueOf(managementCluster: string): string {
  return `certman/${managementCluster}`;
}

/** Maximum of ids and Keyword search attributes: SQL persistence has VARCHAR(255), below the server's default limit. */
const MAX_KEYWORD_LENGTH = 255;

// Lengths of names in ids that would be too long: with 63 characters for management cluster and namespace each, 36 for
// the uid and ten digits for orders, the id fits. Names of Kubernetes objects are ASCII.
const MAX_NAME_IN_CLUSTER_ID = 64;
const MAX_NAME_IN_ISSUANCE_ID = 36;

/** Between the start of a truncated name and its digest; object names cannot contain it. */
const TRUNCATION_MARK = '~';

/** Workflow id of the watch: one per management cluster, so that Temporal keeps exactly one running. */
export function watchWorkflowId(managementCluster: string): string {
  return `watch/${managementCluster}`;
}

/** Workflow id of a cluster or standalone request. The uid distinguishes namesakes over time, and truncated names. */
export function clusterWorkflowId(cluster: ClusterIdentity): string {
  const prefix = prefixOf(cluster.managementCluster, cluster.kind);
  return withinMaxLength(
    (whole) => `${prefix}${cluster.namespace}/${whole(cluster.name)}/${cluster.uid}`,
    MAX_NAME_IN_CLUSTER_ID,
  );
}

/** Workflow id of an issuance. @param attempt number of the bundle's order. */
export function issuanceWorkflowId(cluster: ClusterIdentity, bundleName: string, attempt: number): string {
  const { managementCluster, namespace, name, uid } = cluster;
  return withinMaxLength(
    (whole) =>
      `${issuancePrefixOf(managementCluster)}${namespace}/${whole(name)}/${uid}/${whole(bundleName)}/${attempt}`,
    MAX_NAME_IN_ISSUANCE_ID,
  );
}

/**
 * Prefixes of the workflow ids of a management cluster's clusters and standalone requests.
 * @param among only those of a namespace, or of a name in it.
 */
export function workflowIdPrefixes(
  managementCluster: string,
  among?: Pick<ClusterIdentity, 'namespace'> & Partial<Pick<ClusterIdentity, 'name'>>,
): readonly string[] {
  const prefixes = [prefixOf(managementCluster), prefixOf(managementCluster, 'CertificateRequest')];
  if (among === undefined) return prefixes;
  const { namespace, name } = among;
  const names = name === undefined ? [''] : new Set([`${name}/`, `${truncated(name, MAX_NAME_IN_CLUSTER_ID)}/`]);
  return prefixes.flatMap((prefix) => [...names].map((rest) => `${prefix}${namespace}/${rest}`));
}

/** Whether a workflow acts on this management cluster, by its id. */
export function isWorkflowOf(managementCluster: string, workflowId: string): boolean {
  if (workflowId === watchWorkflowId(managementCluster)) return true;
  const prefixes = [...workflowIdPrefixes(managementCluster), issuancePrefixOf(managementCluster)];
  return prefixes.some((prefix) => workflowId.startsWith(prefix));
}

/** A workflow execution as Temporal lists it. */
export interface ListedWorkflow {
  readonly workflowId: string;
  /** Has the `name` that is truncated in the id. */
  readonly memo?: Readonly<Record<string, unknown>> | undefined;
}

/** The inverse of {@link clusterWorkflowId}; undefined for workflows of another management cluster or type. */
export function identityOfWorkflow(
  managementCluster: string,
  { workflowId, memo }: ListedWorkflow,
): ClusterIdentity | undefined {
  const kind = workflowId.startsWith(prefixOf(managementCluster, 'CertificateRequest'))
    ? 'CertificateRequest'
    : undefined;
  const prefix = prefixOf(managementCluster, kind);
  if (!workflowId.startsWith(prefix)) return undefined;
  // Only the management cluster's name can contain a slash.
  const [namespace, name, uid, ...more] = workflowId.slice(prefix.length).split('/');
  if (namespace === undefined || name === undefined || uid === undefined || more.length > 0) return undefined;
  const identity: ClusterIdentity = { managementCluster, namespace, name, uid, kind };
  if (!name.includes(TRUNCATION_MARK)) return identity;
  const whole = memo?.['name'];
  if (typeof whole !== 'string') return undefined;
  const remembered = { ...identity, name: whole };
  return clusterWorkflowId(remembered) === workflowId ? remembered : undefined;
}

/** Value of the search attribute CertCluster: `<namespace>/<name>`, truncated to the length of a Keyword. */
export function certClusterOf({ namespace, name }: Pick<ClusterIdentity, 'namespace' | 'name'>): string {
  return `${namespace}/${name}`.slice(0, MAX_KEYWORD_LENGTH);
}

function prefixOf(managementCluster: string, kind?: ClusterIdentity['kind']): string {
  return `${kind === undefined ? 'cluster' : 'request'}/${managementCluster}/`;
}

function issuancePrefixOf(managementCluster: string): string {
  return `issue/${managementCluster}/`;
}

/** Truncates names only in ids that would be too long. @param write the id, with each name as `name` returns it. */
function withinMaxLength(write: (name: (whole: string) => string) => string, nameInLongId: number): string {
  const id = write((whole) => whole);
  return id.length <= MAX_KEYWORD_LENGTH ? id : write((whole) => truncated(whole, nameInLongId));
}

function truncated(name: string, most: number): string {
  if (name.length <= most) return name;
  const digest = digestOf(name);
  return `${name.slice(0, most - TRUNCATION_MARK.length - digest.length)}${TRUNCATION_MARK}${digest}`;
}
