/** Finding a cluster's workflow by the cluster's name. */
import type { Client, WorkflowHandle } from '@temporalio/client';
import { clusterWorkflowPrefixes, identityOfWorkflow, workflowIdPrefixesOf } from '../contract/ids.ts';
import type { ClusterName } from './cluster-argument.ts';

/** Visibility query for the running workflows of a hub's clusters and of its CertificateRequests that stand alone. */
export function runningClustersQuery(managementCluster: string, named?: ClusterName): string {
  const { clusters, requests } = clusterWorkflowPrefixes(managementCluster);
  const beginnings = named === undefined ? [clusters, requests] : workflowIdPrefixesOf(managementCluster, named);
  const ofHub = beginnings.map((beginning) => `WorkflowId STARTS_WITH '${beginning}'`).join(' OR ');
  return `WorkflowType = 'clusterCertificates' AND ExecutionStatus = 'Running' AND (${ofHub})`;
}

/**
 * The running workflow of a cluster, or, where there is no cluster of the name, of the CertificateRequest that stands alone;
 * of several, the one started last. @returns undefined when there is none.
 */
export async function findClusterWorkflow(
  client: Client,
  managementCluster: string,
  named: ClusterName,
): Promise<WorkflowHandle | undefined> {
  let best: { readonly workflowId: string; readonly rank: number; readonly at: number } | undefined;
  for await (const execution of client.workflow.list({ query: runningClustersQuery(managementCluster, named) })) {
    const identity = identityOfWorkflow(managementCluster, execution);
    if (identity?.name !== named.name) continue;
    const { workflowId, startTime } = execution;
    const found = { workflowId, rank: identity.kind === undefined ? 1 : 0, at: startTime.getTime() };
    if (best === undefined || found.rank > best.rank || (found.rank === best.rank && found.at > best.at)) best = found;
  }
  return best === undefined ? undefined : client.workflow.getHandle(best.workflowId);
}
