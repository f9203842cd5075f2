/** Finding a cluster's workflow by the cluster's name. */
import type { Client, WorkflowHandle } from '@temporalio/client';
import type { ClusterName } from './cluster-argument.ts';

/** The running workflow of a cluster; of several, the one started last. @returns undefined when there is none. */
export async function findClusterWorkflow(
  client: Client,
  hive: string,
  { namespace, name }: ClusterName,
): Promise<WorkflowHandle | undefined> {
  const prefix = `cluster/${hive}/${namespace}/${name}/`;
  const query = `WorkflowType = 'clusterCertificates' AND ExecutionStatus = 'Running' AND WorkflowId STARTS_WITH '${prefix}'`;
  let latest: { readonly workflowId: string; readonly at: number } | undefined;
  for await (const execution of client.workflow.list({ query })) {
    const at = execution.startTime.getTime();
    if (latest === undefined || at > latest.at) latest = { workflowId: execution.workflowId, at };
  }
  return latest === undefined ? undefined : client.workflow.getHandle(latest.workflowId);
}
