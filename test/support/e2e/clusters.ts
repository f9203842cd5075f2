/** Creates and changes ClusterDeployments as Hive and its users do. */
import { withHiveClient } from '../../../local/stack/management-cluster/clients.ts';
import {
  installSampleClusters,
  prepareSampleClusters,
  type SampleCluster,
  sampleCluster,
  sampleManifests,
} from '../../../local/stack/management-cluster/sample-cluster.ts';
import type { ClusterIdentity } from '../../../src/clusters/cluster-identity.ts';
import { CLUSTER_DEPLOYMENTS } from '../../../src/kubernetes/objects/resources.ts';
import type { E2eHarness } from './harness.ts';

/** A sample cluster on the API server. */
export interface E2eCluster extends SampleCluster {
  readonly identity: ClusterIdentity;
}

export interface ClusterOptions {
  readonly zone?: { readonly name: string; readonly zoneId: string };
  /** Merged into the ClusterDeployment before it is installed (RFC 7386). */
  readonly patch?: Readonly<Record<string, unknown>>;
  /** Default true. */
  readonly installed?: boolean;
}

/** Creates one cluster in a namespace of the same name. */
export async function createCluster(lab: E2eHarness, name: string, options: ClusterOptions = {}): Promise<E2eCluster> {
  const [cluster] = await createClusters(lab, name, 1, options);
  if (cluster === undefined) throw new Error('no cluster was created');
  return cluster;
}

/** Creates `count` clusters, named `<prefix>-<n>` when there are several. */
export async function createClusters(
  lab: E2eHarness,
  prefix: string,
  count: number,
  options: ClusterOptions = {},
): Promise<readonly E2eCluster[]> {
  const zone = options.zone ?? lab.zone;
  const prepared = await prepareSampleClusters(lab.stack, { count, zone: zone.name, zoneId: zone.zoneId, prefix });
  const { patch } = options;
  if (patch !== undefined) await Promise.all(prepared.map((cluster) => patchCluster(lab, cluster, patch)));
  const clusters = await Promise.all(
    prepared.map(async (cluster) => ({ ...cluster, identity: await identityOf(lab, cluster) })),
  );
  if (options.installed ?? true) await installSampleClusters(lab.stack, clusters);
  return clusters;
}

/** Creates a cluster in the namespace of another one, not installed yet. */
export async function createClusterBeside(lab: E2eHarness, other: E2eCluster, name: string): Promise<E2eCluster> {
  const cluster = { ...sampleCluster(name, other.zone), namespace: other.namespace };
  const items = sampleManifests(cluster);
  await lab.stack.kubectl(['apply', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
  const zone = { status: { aws: { zoneID: lab.zone.zoneId } } };
  const path = `/apis/hive.openshift.io/v1/namespaces/${cluster.namespace}/dnszones/${name}-zone/status`;
  await withHiveClient(lab.stack.kubernetes.adminKubeconfig, (hive) => hive.mergePatch([{ path, body: zone }]));
  return { ...cluster, identity: await identityOf(lab, cluster) };
}

/** JSON merge patch of a ClusterDeployment. */
export async function patchCluster(
  lab: E2eHarness,
  cluster: Pick<SampleCluster, 'namespace' | 'name'>,
  patch: Readonly<Record<string, unknown>>,
): Promise<void> {
  const path = `/apis/hive.openshift.io/v1/namespaces/${cluster.namespace}/clusterdeployments/${cluster.name}`;
  await withHiveClient(lab.stack.kubernetes.adminKubeconfig, (hive) => hive.mergePatch([{ path, body: patch }]));
}

/** Deletes a ClusterDeployment without waiting for its finalizers. */
export async function deleteCluster(
  lab: E2eHarness,
  cluster: Pick<SampleCluster, 'namespace' | 'name'>,
): Promise<void> {
  await lab.kubernetes.delete(CLUSTER_DEPLOYMENTS, { namespace: cluster.namespace, name: cluster.name });
}

/** Creates a hosted zone that DNS does not serve, so that verifying propagation in it never succeeds. */
export async function createUnservedZone(
  lab: E2eHarness,
  name: string,
): Promise<{ readonly name: string; readonly zoneId: string }> {
  return { name, ...(await lab.stack.createZone(name, { private: true })) };
}

async function identityOf(lab: E2eHarness, { namespace, name }: SampleCluster): Promise<ClusterIdentity> {
  const found = await lab.kubernetes.get(CLUSTER_DEPLOYMENTS, { namespace, name });
  return { managementCluster: 'hive', namespace, name, uid: found?.metadata.uid ?? '' };
}
