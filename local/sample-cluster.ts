/** Sample clusters: what Hive would have put on the hub for a managed cluster. */
import { ListHostedZonesByNameCommand, Route53Client } from '@aws-sdk/client-route-53';
import { requestName } from '../src/certificates/request-name.ts';
import { createKubernetesApi, type KubernetesClient } from '../src/kubernetes/client.ts';
import { loadKubeConfig } from '../src/kubernetes/kube-config.ts';
import { CLUSTER_DEPLOYMENTS, type ResourceType } from '../src/kubernetes/kubernetes-api.ts';
import pLimit from 'p-limit';
import { LocalProblem } from './problem.ts';
import type { Stack } from './stack.ts';
import { AWS } from './versions.ts';

/** Further name of the control plane in the samples: value for `CERTMAN_EXTRA_RECORD`. */
export const SAMPLE_EXTRA_RECORD = 'rh-api';

export interface SampleCluster {
  readonly namespace: string;
  /** Of the ClusterDeployment. */
  readonly name: string;
  readonly bundleName: string;
  /** Of the CertificateRequest. */
  readonly requestName: string;
  /** The Secret that the certificate goes into. */
  readonly secretName: string;
  /** What the certificate is for, with {@link SAMPLE_EXTRA_RECORD}. */
  readonly dnsNames: readonly string[];
  readonly zone: string;
}

export interface SampleClustersOptions {
  readonly count: number;
  /** Hosted zone that the clusters' names are in. */
  readonly zone: string;
  /** Default: looked up by name. */
  readonly zoneId?: string;
  /** Names are `<prefix>-<n>`, or the prefix alone for the only one. Default `sample`. */
  readonly prefix?: string;
}

const BUNDLE = 'primary';
const AT_ONCE = 16;

/** Installed clusters, so that certman goes to work. */
export async function createSampleClusters(
  stack: Stack,
  options: SampleClustersOptions,
): Promise<readonly SampleCluster[]> {
  const clusters = await prepareSampleClusters(stack, options);
  await installSampleClusters(stack, clusters);
  return clusters;
}

/** Clusters that Hive is still installing: everything is there, and certman leaves them alone. */
export async function prepareSampleClusters(
  stack: Stack,
  options: SampleClustersOptions,
): Promise<readonly SampleCluster[]> {
  const zoneId = options.zoneId ?? (await zoneIdOf(stack, options.zone));
  const prefix = options.prefix ?? 'sample';
  const clusters = Array.from({ length: options.count }, (_, index) =>
    sampleCluster(options.count === 1 ? prefix : `${prefix}-${index + 1}`, options.zone),
  );
  const items = clusters.flatMap((cluster) => sampleManifests(cluster));
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  await stack.kubectl(['apply', '--server-side', '--field-manager=hive', '--force-conflicts', '-f', '-'], {
    input,
    timeoutMs: 600_000,
  });
  await asAdmin(stack, async (admin) => {
    await eachAtOnce(clusters, async ({ namespace, name }) => {
      await admin.mergePatch(DNS_ZONE_STATUS, { namespace, name: `${name}-zone` }, { status: { aws: { zoneID: zoneId } } });
    });
  });
  return clusters;
}

/** Says of each that Hive has installed it, 16 at once. */
export async function installSampleClusters(stack: Stack, clusters: readonly SampleCluster[]): Promise<void> {
  await asAdmin(stack, async (admin) => {
    await eachAtOnce(clusters, async ({ namespace, name }) => {
      await admin.mergePatch(CLUSTER_DEPLOYMENTS, { namespace, name }, { spec: { installed: true } });
    });
  });
}
