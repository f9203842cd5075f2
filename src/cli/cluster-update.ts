/** Sending an update to the workflow of a cluster, for a person at the command line. */
import type { Client, WorkflowHandle } from '@temporalio/client';
import { CertmanError } from '../failures/failure.ts';
import type { ClusterName } from './cluster-argument.ts';
import { findClusterWorkflow } from './find-cluster-workflow.ts';

/** @throws CertmanError `kubernetes/notFound` when the cluster has no workflow. */
export async function requireClusterWorkflow(
  client: Client,
  managementCluster: string,
  cluster: ClusterName,
): Promise<WorkflowHandle> {
  const handle = await findClusterWorkflow(client, managementCluster, cluster);
  if (handle !== undefined) return handle;
  throw new CertmanError({
    code: 'kubernetes/notFound',
    message: `${cluster.namespace}/${cluster.name} has no certificates that certman looks after on the hub ${managementCluster}.`,
    remedy: `Ask why with "certman status ${cluster.namespace}/${cluster.name}". Another hub is chosen with CERTMAN_MANAGEMENT_CLUSTER.`,
  });
}

/** Waits for the answer of an update. @throws CertmanError with the workflow's refusal or failure, in its own words. */
export async function updateResult<T>(update: Promise<T>): Promise<T> {
  try {
    return await update;
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'WorkflowUpdateFailedError') throw error;
    const { cause } = error;
    throw new CertmanError({
      code: 'internal/unexpected',
      message: cause instanceof Error ? cause.message : error.message,
      cause: error,
    });
  }
}
