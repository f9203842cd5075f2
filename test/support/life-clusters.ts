/** ClusterDeployments of the tests of a life, made and changed as Hive and its users would. */
import { withHubApi } from '../../local/hub-api.ts';
import {
  installSampleClusters,
  prepareSampleClusters,
  type SampleCluster,
  sampleCluster,
  sampleManifests,
} from '../../local/sample-cluster.ts';
import type { ClusterIdentity } from '../../src/clusters/cluster-view.ts';
import { CLUSTER_DEPLOYMENTS } from '../../src/kubernetes/kubernetes-api.ts';
import type { LifeLab } from './life-lab.ts';

export interface LifeCluster extends SampleCluster {
  readonly identity: ClusterIdentity;
}

export interface ClusterOptions {
  readonly zone?: { readonly name: string; readonly zoneId: string };
  /** Merged into the ClusterDeployment before it is installed (RFC 7386). */
  readonly patch?: Readonly<Record<string, unknown>>;
  /** Default true. */
  readonly installed?: boolean;
}

/** One cluster in a namespace of its name. */
export async function newCluster(lab: LifeLab, name: string, options: ClusterOptions = {}): Promise<LifeCluster> {
  const [cluster] = await newClusters(lab, name, 1, options);
  if (cluster === undefined) throw new Error('no cluster was made');
  return cluster;
}

/** `count` clusters, named `<prefix>-<n>` when there are several. */
export async function newClusters(
  lab: LifeLab,
  prefix: string,
  count: number,
  options: ClusterOptions = {},
): Promise<readonly LifeCluster[]> {
  const zone = options.zone ?? lab.zone;
  const prepared = await prepareSampleClusters(lab.stack, { count, zone: zone.name, zoneId: zone.zoneId, prefix });
  const { patch } = options;
  if (patch !== undefined) await Promise.all(prepared.map((cluster) => changeCluster(lab, cluster, patch)));
  const clusters = await Promise.all(
    prepared.map(async (cluster) => ({ ...cluster, identity: await identityOf(lab, cluster) })),
  );
  if (options.installed ?? true) await installSampleClusters(lab.stack, clusters);
  return clusters;
}

/** One more cluster in the namespace of another, not installed yet. */
export async function neighbourOf(lab: LifeLab, other: LifeCluster, name: string): Promise<LifeCluster> {
  const cluster = { ...sampleCluster(name, other.zone), namespace: other.namespace };
  const items = sampleManifests(cluster);
  await lab.stack.kubectl(['apply', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
  const zone = { status: { aws: { zoneID: lab.zone.zoneId } } };
  const path = `/apis/hive.openshift.io/v1/namespaces/${cluster.namespace}/dnszones/${name}-zone/status`;
  await withHubApi(lab.stack.kubernetes.adminKubeconfig, (hub) => hub.mergePatch([{ path, body: zone }]));
  return { ...cluster, identity: await identityOf(lab, cluster) };
}

/** JSON merge patch of a ClusterDeployment. */
export async function changeCluster(
  lab: LifeLab,
  cluster: Pick<SampleCluster, 'namespace' | 'name'>,
  patch: Readonly<Record<string, unknown>>,
): Promise<void> {
  const path = `/apis/hive.openshift.io/v1/namespaces/${cluster.namespace}/clusterdeployments/${cluster.name}`;
  await withHubApi(lab.stack.kubernetes.adminKubeconfig, (hub) => hub.mergePatch([{ path, body: patch }]));
}

export async function deleteCluster(lab: LifeLab, cluster: Pick<SampleCluster, 'namespace' | 'name'>): Promise<void> {
  await lab.kubernetes.delete(CLUSTER_DEPLOYMENTS, { namespace: cluster.namespace, name: cluster.name });
}

/** A zone that Route 53 has and DNS does not answer for: a verification in it never ends. */
export async function unservedZone(
  lab: LifeLab,
  name: string,
): Promise<{ readonly name: string; readonly zoneId: string }> {
  return { name, ...(await lab.stack.createZone(name, { private: true })) };
}

async function identityOf(lab: LifeLab, { namespace, name }: SampleCluster): Promise<ClusterIdentity> {
  const found = await lab.kubernetes.get(CLUSTER_DEPLOYMENTS, { namespace, name });
  return { hive: 'hive', namespace, name, uid: found?.metadata.uid ?? '' };
}
