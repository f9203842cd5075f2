/** What a command asks of the workflows of several clusters, within one `--timeout`. */
import type { Client, WorkflowHandle } from '@temporalio/client';
import { loadSettings } from '../configuration/load-configuration.ts';
import { findClusterWorkflow } from './cluster-workflow.ts';
import type { KubeConnection } from './kubectl-options.ts';
import { withKubernetes } from './kubernetes-client.ts';
import { requireSameManagementCluster } from './management-cluster.ts';
import { commandLine } from './program-name.ts';
import { forEachTarget, readTargets, type Target, type TargetResult, type Targets } from './targets.ts';
import { withTemporal } from './temporal-client.ts';
import type { TimeBound } from './time-bound.ts';
import { TimedRequest } from './timed-request.ts';

/** What was selected, and the Temporal that has the workflows of it. */
export interface SelectedClusters {
  readonly client: Client;
  readonly managementCluster: string;
  readonly targets: Targets;
}

/**
 * Reads what is selected from the API server, and connects to Temporal. What is selected there is asked for by name in Temporal:
 * of another management cluster, those would be other clusters. @throws as {@link requireSameManagementCluster}.
 */
export async function withSelectedClusters<Result>(
  target: Target,
  connection: KubeConnection,
  bound: TimeBound | undefined,
  work: (selected: SelectedClusters) => Promise<Result>,
): Promise<Result> {
  const { managementCluster } = loadSettings(process.env, ['managementCluster']);
  const targets = await withKubernetes((kubernetes) => readTargets(kubernetes, target), connection, bound?.signal());
  return await withTemporal(async (client) => {
    await requireSameManagementCluster(client, managementCluster, connection, bound);
    return await work({ client, managementCluster, targets });
  }, bound);
}

/**
 * Has each workflow asked, ten at once. @param ask gets undefined of a cluster without a workflow.
 * @returns what came of each.
 */
export async function askEachWorkflow(
  { client, managementCluster, targets }: SelectedClusters,
  bound: TimeBound | undefined,
  ask: (handle: WorkflowHandle | undefined, request: TimedRequest, cluster: string) => Promise<string>,
): Promise<readonly TargetResult[]> {
  return await forEachTarget(targets, async ({ namespace, name }) => {
    const cluster = `${namespace}/${name}`;
    const request = new TimedRequest(bound, commandLine(`explain ${cluster}`));
    return await request.run(async () =>
      ask(await findClusterWorkflow(client, managementCluster, { namespace, name }), request, cluster),
    );
  });
}
