/** What Hive, users and the outside can get wrong about one cluster: what certman must say, and how it is put right. */
import { withHiveClient } from '../../../local/stack/management-cluster/clients.ts';
import type { SampleCluster } from '../../../local/stack/management-cluster/sample-cluster.ts';
import { PEBBLE_BLOCKED_DOMAINS } from '../../../local/stack/parts/flags.ts';
import { type KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { CLUSTER_DEPLOYMENTS, SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { createDouble } from '../dns/hosted-zones.ts';
import { BAD_KEYS } from '../faults/rejected-aws-keys.ts';
import {
  applyClusterObjects,
  type ClusterObjects,
  patchAsHive,
  withMetadata,
  withSpec,
  zoneStatus,
} from './cluster-objects.ts';
import type { E2eHarness } from './harness.ts';

/** One cluster with something wrong. */
export interface ClusterUnderTest {
  readonly lab: E2eHarness;
  readonly cluster: SampleCluster;
  /** What would be there if nothing were wrong. */
  readonly good: ClusterObjects;
}

export interface BadInput {
  /** Lower case with dashes: also the cluster's name. */
  readonly name: string;
  /** Zone that the cluster is in; default: the one that all share. `made`: by the test, as a good cluster has it. */
  readonly zone?: { readonly name: string; readonly made: boolean };
  /** What is put there instead. */
  corrupt(place: ClusterUnderTest): ClusterObjects | Promise<ClusterObjects>;
  readonly expected: ExpectedOutcome;
  /** Puts it right. Absent: it is no obstacle. */
  repair?(place: ClusterUnderTest): Promise<void>;
  /** Default: nothing but the watch is needed, so within seconds. */
  readonly repairedBy?: 'schedule';
}

/** `culprit`: what the message must name. */
export type ExpectedOutcome =
  /** Condition Failing of this reason, Ready False, and an Event on both resources. */
  | {
      readonly kind: 'failing';
      readonly reason: string;
      readonly culprit: (place: ClusterUnderTest) => string | RegExp;
    }
  /** There is no CertificateRequest and no workflow: an Event on the ClusterDeployment alone. */
  | {
      readonly kind: 'explained';
      readonly reason: string;
      readonly culprit: (place: ClusterUnderTest) => string | RegExp;
    }
  /** A certificate is issued all the same, perhaps with an Event. */
  | { readonly kind: 'issued'; readonly event?: string };

const BUNDLE = 'primary';
const BLOCKED = PEBBLE_BLOCKED_DOMAINS[0] ?? '';

const additional = (...domains: readonly string[]) => ({
  controlPlaneConfig: {
    servingCertificates: { default: BUNDLE, additional: domains.map((domain) => ({ name: BUNDLE, domain })) },
  },
});
const noAdditional = { controlPlaneConfig: { servingCertificates: { default: BUNDLE, additional: null } } };

const domainOf = ({ cluster }: ClusterUnderTest): string => `${cluster.name}.${cluster.zone}`;
const clusterKey = ({ cluster }: ClusterUnderTest) => ({ namespace: cluster.namespace, name: cluster.name });

async function repairSpec(place: ClusterUnderTest, spec: Readonly<Record<string, unknown>>): Promise<void> {
  await patchAsHive(place.lab, CLUSTER_DEPLOYMENTS, clusterKey(place), { spec });
}

async function restoreValidObjects({ lab, good }: ClusterUnderTest): Promise<void> {
  await applyClusterObjects(lab, good);
}

function secret({ cluster }: ClusterUnderTest, name: string, type: string, data: Readonly<Record<string, string>>) {
  const object: KubernetesObject = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace: cluster.namespace, name },
    type,
    stringData: data,
  };
  return object;
}

function credentials(place: ClusterUnderTest, data: Readonly<Record<string, string>>): ClusterObjects {
  return { ...place.good, credentials: secret(place, 'aws', 'Opaque', data) };
}

function rejectedCredentials(code: keyof typeof BAD_KEYS): Pick<BadInput, 'corrupt' | 'expected' | 'repair'> {
  return {
    corrupt: (place) =>
      credentials(place, { aws_access_key_id: BAD_KEYS[code], aws_secret_access_key: 'wrong-secret' }),
    expected: { kind: 'failing', reason: 'DnsAccessDenied', culprit: () => code },
    repair: restoreValidObjects,
  };
}

export const BAD_INPUTS: readonly BadInput[] = [
  {
    name: 'invalid-name',
    corrupt: (place) => withSpec(place.good, additional(`under_score.${domainOf(place)}`)),
    expected: { kind: 'failing', reason: 'NamesInvalid', culprit: (place) => `under_score.${domainOf(place)}` },
    repair: (place) => repairSpec(place, noAdditional),
  },
  {
    name: 'no-names',
    corrupt: ({ good }) => withSpec(good, { controlPlaneConfig: {}, ingress: [] }),
    expected: { kind: 'failing', reason: 'NamesNone', culprit: () => `"${BUNDLE}"` },
    repair: (place) => repairSpec(place, place.good.clusterDeployment.spec),
  },
  {
    name: 'too-many-names',
    corrupt: (place) =>
      withSpec(place.good, additional(...Array.from({ length: 101 }, (_, index) => `n${index}.${domainOf(place)}`))),
    expected: { kind: 'failing', reason: 'NamesTooMany', culprit: () => /104 names.*at most 100/ },
    repair: (place) => repairSpec(place, noAdditional),
  },
  {
    name: 'name-outside-the-zone',
    corrupt: ({ good }) => withSpec(good, additional('www.somewhere-else.example.org')),
    expected: { kind: 'failing', reason: 'DnsNameOutsideZone', culprit: () => 'www.somewhere-else.example.org' },
    repair: (place) => repairSpec(place, noAdditional),
  },
  {
    name: 'base-domain-that-is-none',
    corrupt: ({ good }) => withSpec(good, { baseDomain: 'not a domain' }),
    expected: {
      kind: 'explained',
      reason: 'InvalidClusterDeployment',
      culprit: () => 'spec.baseDomain: it is no domain name',
    },
    repair: (place) => repairSpec(place, { baseDomain: place.cluster.zone }),
  },
  {
    name: 'no-region',
    corrupt: ({ good }) => withSpec(good, { platform: { aws: { credentialsSecretRef: { name: 'aws' } } } }),
    expected: { kind: 'issued' },
  },
  {
    name: 'credentials-of-an-impossible-name',
    corrupt: ({ good }) =>
      withSpec(good, { platform: { aws: { region: 'us-east-1', credentialsSecretRef: { name: '../Aws' } } } }),
    expected: { kind: 'failing', reason: 'DnsCredentialsMissing', culprit: () => '../Aws' },
    repair: (place) => repairSpec(place, { platform: place.good.clusterDeployment.spec['platform'] }),
  },
  {
    name: 'no-credentials',
    corrupt: ({ good }) => ({ ...good, credentials: undefined }),
    expected: {
      kind: 'failing',
      reason: 'DnsCredentialsMissing',
      culprit: ({ cluster }) => `Secret ${cluster.namespace}/aws`,
    },
    repair: restoreValidObjects,
  },
  {
    name: 'credentials-without-a-key',
    corrupt: (place) => credentials(place, { aws_access_key_id: 'AKIASOMETHING00001' }),
    expected: {
      kind: 'failing',
      reason: 'DnsCredentialsMalformed',
      culprit: ({ cluster }) => `Secret ${cluster.namespace}/aws has no aws_secret_access_key`,
    },
    repair: restoreValidObjects,
  },
  { name: 'credentials-that-may-not', ...rejectedCredentials('AccessDenied') },
  { name: 'credentials-that-aws-does-not-know', ...rejectedCredentials('InvalidClientTokenId') },
  {
    name: 'platform-without-aws',
    corrupt: ({ good }) => withSpec(good, { platform: { openstack: {} } }),
    expected: { kind: 'failing', reason: 'DnsPlatformUnsupported', culprit: () => 'openstack' },
    repair: (place) => repairSpec(place, { platform: { ...specField(place.good, 'platform'), openstack: null } }),
  },
  {
    name: 'zone-that-hive-has-not-made',
    corrupt: ({ good }) => ({ ...good, zoneId: undefined }),
    expected: {
      kind: 'failing',
      reason: 'DnsZoneNotFound',
      culprit: ({ cluster }) => `DNSZone ${cluster.namespace}/${cluster.name}-zone`,
    },
    repair: async ({ lab, good }) => {
      const { dnsZone, zoneId } = good;
      if (dnsZone === undefined || zoneId === undefined) throw new Error('a good cluster has a zone');
      await withHiveClient(lab.stack.kubernetes.adminKubeconfig, (hive) =>
        hive.mergePatch([zoneStatus(dnsZone, zoneId)]),
      );
    },
  },
  {
    name: 'no-hosted-zone',
    zone: { name: 'absent.example.net', made: false },
    corrupt: ({ good }) => withoutDnsZone(good),
    expected: { kind: 'failing', reason: 'DnsZoneNotFound', culprit: () => 'absent.example.net' },
    repair: async ({ lab, cluster }) => {
      await lab.stack.createZone(cluster.zone);
    },
    repairedBy: 'schedule',
  },
  {
    name: 'two-hosted-zones',
    zone: { name: 'double.example.net', made: true },
    corrupt: async ({ lab, cluster, good }) => {
      await createDouble(lab, cluster.zone);
      return withoutDnsZone(good);
    },
    expected: { kind: 'failing', reason: 'DnsZoneAmbiguous', culprit: ({ good }) => good.zoneId ?? '' },
    repair: restoreValidObjects,
  },
  {
    name: 'private-zone-of-the-same-name',
    zone: { name: 'split.example.net', made: true },
    corrupt: async ({ lab, cluster, good }) => {
      await lab.stack.createZone(cluster.zone, { private: true });
      return withoutDnsZone(good);
    },
    expected: { kind: 'issued' },
  },
  {
    name: 'malformed-relocate-annotation',
    corrupt: ({ good }) => withMetadata(good, { annotations: { 'hive.openshift.io/relocate': 'hive-2' } }),
    expected: { kind: 'issued', event: 'InvalidRelocateAnnotation' },
  },
  {
    name: 'unmanaged-cluster',
    corrupt: ({ good }) => withMetadata(good, { labels: { 'api.openshift.com/managed': 'yes' } }),
    expected: { kind: 'explained', reason: 'NotManaged', culprit: () => 'api.openshift.com/managed' },
    repair: async (place) =>
      patchAsHive(place.lab, CLUSTER_DEPLOYMENTS, clusterKey(place), {
        metadata: { labels: { 'api.openshift.com/managed': 'true' } },
      }),
  },
  {
    name: 'bundle-without-a-secret',
    corrupt: ({ good }) => withSpec(good, { certificateBundles: [{ name: BUNDLE, generate: true }] }),
    expected: {
      kind: 'explained',
      reason: 'InvalidClusterDeployment',
      culprit: () => /"primary".*certificateSecretRef\.name/,
    },
    repair: (place) =>
      repairSpec(place, { certificateBundles: place.good.clusterDeployment.spec['certificateBundles'] }),
  },
  {
    name: 'garbage-in-the-tls-secret',
    corrupt: (place) => ({
      ...place.good,
      others: [
        [
          SECRETS,
          secret(place, place.cluster.secretName, 'kubernetes.io/tls', { 'tls.crt': 'no certificate', 'tls.key': '?' }),
        ],
      ],
    }),
    expected: { kind: 'issued' },
  },
  {
    name: 'secret-of-another-type',
    corrupt: (place) => ({
      ...place.good,
      others: [[SECRETS, secret(place, place.cluster.secretName, 'Opaque', { password: 'of somebody' })]],
    }),
    expected: {
      kind: 'failing',
      reason: 'KubernetesSecretBroken',
      culprit: ({ cluster }) => `Secret ${cluster.namespace}/${cluster.secretName} is of type Opaque`,
    },
    repair: async ({ lab, cluster }) => {
      await lab.kubernetes.delete(SECRETS, { namespace: cluster.namespace, name: cluster.secretName });
    },
  },
  {
    name: 'garbage-that-is-immutable',
    corrupt: (place) => {
      const garbage = secret(place, place.cluster.secretName, 'kubernetes.io/tls', { 'tls.crt': '?', 'tls.key': '?' });
      return { ...place.good, others: [[SECRETS, { ...garbage, immutable: true }]] };
    },
    expected: {
      kind: 'failing',
      reason: 'KubernetesInvalid',
      culprit: ({ cluster }) => new RegExp(`${cluster.secretName}.*immutable`),
    },
    repair: async ({ lab, cluster }) => {
      await lab.kubernetes.delete(SECRETS, { namespace: cluster.namespace, name: cluster.secretName });
    },
  },
  {
    name: 'common-name-over-64-characters',
    corrupt: ({ good, cluster }) => {
      const clusterName = `a-cluster-whose-name-is-so-long-that-it-is-no-common-name`;
      return withSpec(good, {
        clusterName,
        ingress: [{ name: 'default', domain: `apps.${clusterName}.${cluster.zone}`, servingCertificate: BUNDLE }],
      });
    },
    expected: { kind: 'issued' },
  },
  {
    name: 'name-that-the-ca-refuses',
    zone: { name: 'example', made: true },
    corrupt: ({ good }) => withSpec(good, additional(`www.${BLOCKED}`)),
    expected: { kind: 'failing', reason: 'AcmeRejectedIdentifier', culprit: () => `www.${BLOCKED}` },
    repair: (place) => repairSpec(place, noAdditional),
  },
];

/** `manageDNS: false`: the zone is looked up by its name. */
function withoutDnsZone(good: ClusterObjects): ClusterObjects {
  return withSpec({ ...good, dnsZone: undefined, zoneId: undefined }, { manageDNS: false });
}

function specField({ clusterDeployment }: ClusterObjects, field: string): Readonly<Record<string, unknown>> {
  return clusterDeployment.spec[field] as Readonly<Record<string, unknown>>;
}
