/** Sample clusters: the objects of Hive and its users for a managed cluster. */
import { ListHostedZonesByNameCommand, Route53Client } from '@aws-sdk/client-route-53';
import { requestName } from '../../../src/clusters/request-name.ts';
import { LocalStackError } from '../local-stack-error.ts';
import type { Stack } from '../stack.ts';
import { AWS } from '../versions.ts';
import { type ObjectPatch, withHiveClient } from './clients.ts';

/** Additional name of the control plane of samples: value of `CERTMAN_EXTRA_RECORD`. */
export const SAMPLE_EXTRA_RECORD = 'rh-api';

/** Names of a sample. */
export interface SampleCluster {
  readonly namespace: string;
  /** Of the ClusterDeployment. */
  readonly name: string;
  readonly bundleName: string;
  /** Of the CertificateRequest. */
  readonly requestName: string;
  /** Secret of the certificate. */
  readonly secretName: string;
  /** DNS names of the certificate, with {@link SAMPLE_EXTRA_RECORD}. */
  readonly dnsNames: readonly string[];
  readonly zone: string;
}

/** Options of {@link createSampleClusters}. */
export interface SampleClustersOptions {
  readonly count: number;
  /** Hosted zone of the clusters' names. */
  readonly zone: string;
  /** Default: the zone of that name. */
  readonly zoneId?: string;
  /** Names are `<prefix>-<n>`, or the prefix for a single cluster. Default `sample`. */
  readonly prefix?: string;
}

const BUNDLE = 'primary';
const CREDENTIALS_SECRET = 'aws';

/** Creates installed clusters. */
export async function createSampleClusters(
  stack: Stack,
  options: SampleClustersOptions,
): Promise<readonly SampleCluster[]> {
  const clusters = await prepareSampleClusters(stack, options);
  await installSampleClusters(stack, clusters);
  return clusters;
}

/** Creates clusters that are not installed yet, which certman ignores. */
export async function prepareSampleClusters(
  stack: Stack,
  options: SampleClustersOptions,
): Promise<readonly SampleCluster[]> {
  const zoneId = options.zoneId ?? (await zoneIdOf(stack, options.zone));
  const prefix = options.prefix ?? 'sample';
  const clusters = Array.from({ length: options.count }, (_, index) =>
    sampleCluster(options.count === 1 ? prefix : `${prefix}-${index + 1}`, options.zone),
  );
  const manifests = clusters.flatMap((cluster) => sampleManifests(cluster));
  await withHiveClient(stack.kubernetes.adminKubeconfig, async (hive) => {
    await hive.apply(manifests.filter((one) => one.kind === 'Namespace').map(patchOf));
    await hive.apply(manifests.filter((one) => one.kind !== 'Namespace').map(patchOf));
    await hive.mergePatch(
      clusters.map(({ namespace, name }) => ({
        path: `/apis/hive.openshift.io/v1/namespaces/${namespace}/dnszones/${name}-zone/status`,
        body: { status: { aws: { zoneID: zoneId } } },
      })),
    );
  });
  return clusters;
}

/** Marks clusters as installed. */
export async function installSampleClusters(stack: Stack, clusters: readonly SampleCluster[]): Promise<void> {
  const installed = clusters.map(({ namespace, name }) => ({
    path: `/apis/hive.openshift.io/v1/namespaces/${namespace}/clusterdeployments/${name}`,
    body: { spec: { installed: true } },
  }));
  await withHiveClient(stack.kubernetes.adminKubeconfig, (hive) => hive.mergePatch(installed));
}

/** Names of a sample in its own namespace. */
export function sampleCluster(name: string, zone: string): SampleCluster {
  const domain = `${name}.${zone}`;
  return {
    namespace: name,
    name,
    bundleName: BUNDLE,
    requestName: requestName(name, BUNDLE),
    secretName: `${name}-${BUNDLE}-cert`,
    dnsNames: [`api.${domain}`, `${SAMPLE_EXTRA_RECORD}.${domain}`, `*.apps.${domain}`],
    zone,
  };
}

interface Manifest {
  readonly apiVersion: string;
  readonly kind: 'Namespace' | 'Secret' | 'DNSZone' | 'ClusterDeployment';
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

/** Manifests of a sample. @param options.dnsZone without a DNSZone, certman finds the zone by name. */
export function sampleManifests(
  cluster: SampleCluster,
  options: { readonly installed?: boolean; readonly dnsZone?: boolean } = {},
): readonly Manifest[] {
  const { namespace, name, zone, secretName } = cluster;
  const manageDNS = options.dnsZone ?? true;
  const dnsZone: Manifest = {
    apiVersion: 'hive.openshift.io/v1',
    kind: 'DNSZone',
    metadata: { namespace, name: `${name}-zone` },
    spec: { zone },
  };
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { namespace, name: CREDENTIALS_SECRET },
      stringData: { aws_access_key_id: AWS.accessKeyId, aws_secret_access_key: AWS.secretAccessKey },
    },
    ...(manageDNS ? [dnsZone] : []),
    {
      apiVersion: 'hive.openshift.io/v1',
      kind: 'ClusterDeployment',
      metadata: { namespace, name, labels: { 'api.openshift.com/managed': 'true' } },
      spec: {
        baseDomain: zone,
        clusterName: name,
        installed: options.installed ?? false,
        manageDNS,
        platform: { aws: { region: AWS.region, credentialsSecretRef: { name: CREDENTIALS_SECRET } } },
        certificateBundles: [{ name: BUNDLE, generate: true, certificateSecretRef: { name: secretName } }],
        controlPlaneConfig: { servingCertificates: { default: BUNDLE } },
        ingress: [{ name: 'default', domain: `apps.${name}.${zone}`, servingCertificate: BUNDLE }],
      },
    },
  ];
}

const PLURALS: Readonly<Record<Manifest['kind'], string>> = {
  Namespace: 'namespaces',
  Secret: 'secrets',
  DNSZone: 'dnszones',
  ClusterDeployment: 'clusterdeployments',
};

function patchOf(manifest: Manifest): ObjectPatch {
  const { namespace, name } = manifest.metadata;
  const base = manifest.apiVersion === 'v1' ? '/api/v1' : `/apis/${manifest.apiVersion}`;
  const within = namespace === undefined ? '' : `/namespaces/${namespace}`;
  return { path: `${base}${within}/${PLURALS[manifest.kind]}/${name}`, body: manifest };
}

async function zoneIdOf(stack: Stack, zone: string): Promise<string> {
  const { endpoint, region, credentials } = stack.route53;
  const route53 = new Route53Client({ endpoint, region, credentials });
  try {
    const { HostedZones } = await route53.send(new ListHostedZonesByNameCommand({ DNSName: zone }));
    const found = HostedZones?.find(({ Name, Config }) => Name === `${zone}.` && Config?.PrivateZone !== true);
    if (found?.Id !== undefined) return found.Id.replace('/hostedzone/', '');
    throw new LocalStackError({
      message: `Route 53 has no hosted zone ${zone}.`,
      remedy: 'Create it with stack.createZone.',
    });
  } finally {
    route53.destroy();
  }
}
