import type { Client } from '@temporalio/client';
import { watchWorkflowId } from '../contract/ids.ts';
import { CLUSTER_UID_MEMO } from '../contract/management-cluster-watch.ts';
import { describeIfKept } from '../controller/describe-workflow.ts';
import { CertmanError } from '../failures/failure.ts';
import { withTolerantMemos } from '../payloads/data-converter.ts';
import type { KubeConnection } from './kubectl-options.ts';
import type { TimeBound } from './time-bound.ts';

/**
 * With `--kubeconfig` or `--context`, as {@link requireSameManagementCluster}. Without, a command asks Temporal alone, and needs
 * no API server. @throws as that.
 */
export async function assertSameManagementCluster(
  client: Client,
  managementCluster: string,
  connection: KubeConnection,
  bound?: TimeBound,
): Promise<void> {
  if (connection.kubeconfig === undefined && connection.context === undefined) return;
  await requireSameManagementCluster(client, managementCluster, connection, bound);
}

/**
 * Compares the uid of the Namespace kube-system with that of the management cluster whose workflows are read. Passes where the
 * workflows do not say it (no worker has run yet).
 * @throws CertmanError `configuration/invalid` when they are two; `kubernetes/…`
 */
export async function requireSameManagementCluster(
  client: Client,
  managementCluster: string,
  connection: KubeConnection,
  bound?: TimeBound,
): Promise<void> {
  const watched = await watchedClusterUid(client, managementCluster);
  if (watched === undefined) return;
  const [{ apiServerOf, withKubernetes }, { POD_CONTEXT }, { readClusterUid }] = await Promise.all([
    import('./kubernetes-client.ts'),
    import('./kubernetes-remedies.ts'),
    import('../kubernetes/objects/cluster-uid.ts'),
  ]);
  if ((await withKubernetes(readClusterUid, connection, bound?.signal())) === watched) return;
  const isOfPod = apiServerOf(connection).context === POD_CONTEXT;
  const there = isOfPod ? 'run the command in a pod of that management cluster' : 'name another context';
  throw new CertmanError({
    code: 'configuration/invalid',
    message: `The API server of ${isOfPod ? 'this pod' : givenText(connection)} is not the management cluster ${managementCluster}, whose workflows are in Temporal.`,
    remedy: `Set CERTMAN_MANAGEMENT_CLUSTER to the name that certman has there, or ${there}.`,
  });
}

function givenText({ kubeconfig, context }: KubeConnection): string {
  const given = [
    context === undefined ? [] : [`context ${context}`],
    kubeconfig === undefined ? [] : [`kubeconfig ${kubeconfig}`],
  ];
  return given.flat().join(' of the ') || 'the kubeconfig';
}

/** The uid of the cluster that workers have claimed a name for; undefined: none has yet. */
export async function watchedClusterUid(client: Client, managementCluster: string): Promise<string | undefined> {
  const described = await describeIfKept(
    withTolerantMemos(client).workflow.getHandle(watchWorkflowId(managementCluster)),
  );
  const uid = described?.memo?.[CLUSTER_UID_MEMO];
  return typeof uid === 'string' ? uid : undefined;
}
