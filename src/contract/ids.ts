/**
 * Ids of the workflows, and what can be read out of them. Never longer than what SQL-backed persistence of Temporal keeps
 * (VARCHAR(255); names of Kubernetes objects are ASCII), which the default limit of the server on ids does not guard.
 */

import { digestOf } from '../certificates/digest.ts';
import type { ClusterIdentity } from '../clusters/cluster-view.ts';

/** The task queue that every worker polls. */
export const TASK_QUEUE = 'certman';

/** Of an id, and of the value of a Keyword search attribute. */
export const MAX_KEYWORD_LENGTH = 255;

/**
 * Of each name in an id that would be too long. With hub and namespace of 63 characters, a uid of 36 and ten digits of orders
 * it is within the limit then.
 */
const MAX_NAME_IN_CLUSTER_ID = 64;
const MAX_NAME_IN_ISSUANCE_ID = 36;

/** Between the beginning of a name and the digest of the whole of it; in no name of an object. */
const TRUNCATION_MARK = '~';

/** Workflow id of the watch on a hub: one per hub, so that Temporal keeps exactly one running. */
export function watchWorkflowId(managementCluster: string): string {
  return `watch/${managementCluster}`;
}

/**
 * Workflow id of a cluster, or of a CertificateRequest that stands alone. The uid keeps a cluster made again under its old
 * name apart from the old one's revocation, and names that begin alike apart where they are cut.
 */
export function clusterWorkflowId(cluster: ClusterIdentity): string {
  const { clusters, requests } = clusterWorkflowPrefixes(cluster.managementCluster);
  const prefix = cluster.kind === 'CertificateRequest' ? requests : clusters;
  return withinMaxLength(
    (whole) => `${prefix}${cluster.namespace}/${whole(cluster.name)}/${cluster.uid}`,
    MAX_NAME_IN_CLUSTER_ID,
  );
}

/** Workflow id of one issuance: the cluster's, the bundle, and the how-manieth order of that bundle it is. */
export function issuanceWorkflowId(cluster: ClusterIdentity, bundleName: string, attempt: number): string {
  const { managementCluster, namespace, name, uid } = cluster;
  return withinMaxLength(
    (whole) => `issue/${managementCluster}/${namespace}/${whole(name)}/${uid}/${whole(bundleName)}/${attempt}`,
    MAX_NAME_IN_ISSUANCE_ID,
  );
}

/** What the ids of a hub's clusters, and of its CertificateRequests that stand alone, begin with. */
export function clusterWorkflowPrefixes(managementCluster: string): {
  readonly clusters: string;
  readonly requests: string;
} {
  return { clusters: `cluster/${managementCluster}/`, requests: `request/${managementCluster}/` };
}

/** What the ids of all clusters and requests of one name begin with, whatever their uid. */
export function workflowIdPrefixesOf(
  managementCluster: string,
  { namespace, name }: Pick<ClusterIdentity, 'namespace' | 'name'>,
): readonly string[] {
  const { clusters, requests } = clusterWorkflowPrefixes(managementCluster);
  const names = new Set([name, truncated(name, MAX_NAME_IN_CLUSTER_ID)]);
  return [clusters, requests].flatMap((prefix) => [...names].map((one) => `${prefix}${namespace}/${one}/`));
}

/** A cluster's workflow as Temporal lists it. */
export interface ListedWorkflow {
  readonly workflowId: string;
  /** As given at its start. Has the name where the id has only the beginning of it. */
  readonly memo?: Readonly<Record<string, unknown>> | undefined;
}

/** The reverse of {@link clusterWorkflowId}; undefined when the workflow is of another hub or something else. */
export function identityOfWorkflow(
  managementCluster: string,
  { workflowId, memo }: ListedWorkflow,
): ClusterIdentity | undefined {
  const { clusters, requests } = clusterWorkflowPrefixes(managementCluster);
  const prefix = [clusters, requests].find((one) => workflowId.startsWith(one));
  if (prefix === undefined) return undefined;
  // Only the hub's name may hold a slash.
  const [namespace, name, uid, ...more] = workflowId.slice(prefix.length).split('/');
  if (namespace === undefined || name === undefined || uid === undefined || more.length > 0) return undefined;
  const identity: ClusterIdentity = {
    managementCluster,
    namespace,
    name,
    uid,
    ...(prefix === requests ? { kind: 'CertificateRequest' } : {}),
  };
  if (!name.includes(TRUNCATION_MARK)) return identity;
  const whole = memo?.['name'];
  if (typeof whole !== 'string') return undefined;
  const remembered = { ...identity, name: whole };
  return clusterWorkflowId(remembered) === workflowId ? remembered : undefined;
}

/** Value of the search attribute CertCluster: `<namespace>/<name>`, as much of it as a Keyword may have. */
export function certClusterOf({ namespace, name }: Pick<ClusterIdentity, 'namespace' | 'name'>): string {
  return `${namespace}/${name}`.slice(0, MAX_KEYWORD_LENGTH);
}

/** @param write the id, with each name as it is given. Names are cut only where they do not fit: running workflows keep their ids. */
function withinMaxLength(write: (name: (whole: string) => string) => string, nameInLongId: number): string {
  const id = write((whole) => whole);
  return id.length <= MAX_KEYWORD_LENGTH ? id : write((whole) => truncated(whole, nameInLongId));
}

function truncated(name: string, most: number): string {
  if (name.length <= most) return name;
  const digest = digestOf(name);
  return `${name.slice(0, most - TRUNCATION_MARK.length - digest.length)}${TRUNCATION_MARK}${digest}`;
}
