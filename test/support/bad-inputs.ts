/** What Hive, users and the outside can get wrong about one cluster: what certman must say, and how it is put right. */
import { withHubApi } from '../../local/hub-api.ts';
import type { SampleCluster } from '../../local/sample-cluster.ts';
import { PEBBLE_BLOCKED_DOMAINS } from '../../local/versions.ts';
import { CLUSTER_DEPLOYMENTS, type KubernetesObject, SECRETS } from '../../src/kubernetes/kubernetes-api.ts';
import { type ClusterObjects, patchAsHive, putObjects, withMetadata, withSpec, zoneStatus } from './cluster-at-work.ts';
import { createDouble } from './hosted-zones.ts';
import type { LifeLab } from './life-lab.ts';
import { BAD_KEYS } from './refused-aws-keys.ts';

/** One cluster with something wrong. */
export interface Place {
  readonly lab: LifeLab;
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
  spoil(place: Place): ClusterObjects | Promise<ClusterObjects>;
  readonly says: Says;
  /** Puts it right. Absent: it is no obstacle. */
  mend?(place: Place): Promise<void>;
  /** Default: nothing but the watch is needed, so within seconds. */
  readonly mendedBy?: 'schedule';
}

/** `culprit`: what the message must name. */
export type Says =
  /** Condition Failing of this reason, Ready False, and an Event on both resources. */
  | { readonly kind: 'failing'; readonly reason: string; readonly culprit: (place: Place) => string | RegExp }
  /** There is no CertificateRequest and no workflow: an Event on the ClusterDeployment alone. */
  | { readonly kind: 'explained'; readonly reason: string; readonly culprit: (place: Place) => string | RegExp }
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

const domainOf = ({ cluster }: Place): string => `${cluster.name}.${cluster.zone}`;
const clusterKey = ({ cluster }: Place) => ({ namespace: cluster.namespace, name: cluster.name });

async function mendSpec(place: Place, spec: Readonly<Record<string, unknown>>): Promise<void> {
  await patchAsHive(place.lab, CLUSTER_DEPLOYMENTS, clusterKey(place), { spec });
}

async function mendByGoodObjects({ lab, good }: Place): Promise<void> {
  await putObjects(lab, good);
}

function secret({ cluster }: Place, name: string, type: string, data: Readonly<Record<string, string>>) {
  const object: KubernetesObject = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace: cluster.namespace, name },
    type,
    stringData: data,
  };
  return object;
}

function credentials(place: Place, data: Readonly<Record<string, string>>): ClusterObjects {
  return { ...place.good, credentials: secret(place, 'aws', 'Opaque', data) };
}

function deniedBy(code: keyof typeof BAD_KEYS): Pick<BadInput, 'spoil' | 'says' | 'mend'> {
  return {
    spoil: (place) => credentials(place, { aws_access_key_id: BAD_KEYS[code], aws_secret_access_key: 'wrong-secret' }),
    says: { kind: 'failing', reason: 'DnsAccessDenied', culprit: () => code },
    mend: mendByGoodObjects,
  };
}

export const BAD_INPUTS: readonly BadInput[] = [
  {
    name: 'invalid-name',
    spoil: (place) => withSpec(place.good, additional(`under_score.${domainOf(place)}`)),
    says: { kind: 'failing', reason: 'NamesInvalid', culprit: (place) => `under_score.${domainOf(place)}` },
    mend: (place) => mendSpec(place, noAdditional),
  },
  {
    name: 'no-names',
    spoil: ({ good }) => withSpec(good, { controlPlaneConfig: {}, ingress: [] }),
    says: { kind: 'failing', reason: 'NamesNone', culprit: () => `"${BUNDLE}"` },
    mend: (place) => mendSpec(place, place.good.clusterDeployment.spec),
  },
  {
    name: 'too-many-names',
    spoil: (place) =>
      withSpec(place.good, additional(...Array.from({ length: 101 }, (_, index) => `n${index}.${domainOf(place)}`))),
    says: { kind: 'failing', reason: 'NamesTooMany', culprit: () => /104 names.*at most 100/ },
    mend: (place) => mendSpec(place, noAdditional),
  },
  {
    name: 'name-outside-the-zone',
    spoil: ({ good }) => withSpec(good, additional('www.somewhere-else.example.org')),
    says: { kind: 'failing', reason: 'DnsNameOutsideZone', culprit: () => 'www.somewhere-else.example.org' },
    mend: (place) => mendSpec(place, noAdditional),
  },
  {
    name: 'base-domain-that-is-none',
    spoil: ({ good }) => withSpec(good, { baseDomain: 'not a domain' }),
    says: { kind: 'explained', reason: 'Malformed', culprit: () => 'spec.baseDomain: it is no domain name' },
    mend: (place) => mendSpec(place, { baseDomain: place.cluster.zone }),
  },
  {
    name: 'no-region',
    spoil: ({ good }) => withSpec(good, { platform: { aws: { credentialsSecretRef: { name: 'aws' } } } }),
    says: { kind: 'issued' },
  },
  {
    name: 'credentials-of-an-impossible-name',
    spoil: ({ good }) =>
      withSpec(good, { platform: { aws: { region: 'us-east-1', credentialsSecretRef: { name: '../Aws' } } } }),
    says: { kind: 'failing', reason: 'DnsCredentialsMissing', culprit: () => '../Aws' },
    mend: (place) => mendSpec(place, { platform: place.good.clusterDeployment.spec['platform'] }),
  },
  {
    name: 'no-credentials',
    spoil: ({ good }) => ({ ...good, credentials: undefined }),
    says: {
      kind: 'failing',
      reason: 'DnsCredentialsMissing',
      culprit: ({ cluster }) => `Secret ${cluster.namespace}/aws`,
    },
    mend: mendByGoodObjects,
  },
  {
    name: 'credentials-without-a-key',
    spoil: (place) => credentials(place, { aws_access_key_id: 'AKIASOMETHING00001' }),
    says: {
      kind: 'failing',
      reason: 'DnsCredentialsMalformed',
      culprit: ({ cluster }) => `Secret ${cluster.namespace}/aws has no aws_secret_access_key`,
    },
    mend: mendByGoodObjects,
  },
  { name: 'credentials-that-may-not', ...deniedBy('AccessDenied') },
  { name: 'credentials-that-aws-does-not-know', ...deniedBy('InvalidClientTokenId') },
  {
    name: 'platform-without-aws',
    spoil: ({ good }) => withSpec(good, { platform: { openstack: {} } }),
    says: { kind: 'failing', reason: 'DnsPlatformUnsupported', culprit: () => 'openstack' },
    mend: (place) => mendSpec(place, { platform: { ...asObject(place.good, 'platform'), openstack: null } }),
  },
  {
    name: 'zone-that-hive-has-not-made',
    spoil: ({ good }) => ({ ...good, zoneId: undefined }),
    says: {
      kind: 'failing',
      reason: 'DnsZoneNotFound',
      culprit: ({ cluster }) => `DNSZone ${cluster.namespace}/${cluster.name}-zone`,
    },
    mend: async ({ lab, good }) => {
      const { dnsZone, zoneId } = good;
      if (dnsZone === undefined || zoneId === undefined) throw new Error('a good cluster has a zone');
      await withHubApi(lab.stack.kubernetes.adminKubeconfig, (hive) => hive.mergePatch([zoneStatus(dnsZone, zoneId)]));
    },
  },
  {
    name: 'no-hosted-zone',
    zone: { name: 'absent.example.net', made: false },
    spoil: ({ good }) => withoutDnsZone(good),
    says: { kind: 'failing', reason: 'DnsZoneNotFound', culprit: () => 'absent.example.net' },
    mend: async ({ lab, cluster }) => {
      await lab.stack.createZone(cluster.zone);
    },
    mendedBy: 'schedule',
  },
  {
    name: 'two-hosted-zones',
    zone: { name: 'double.example.net', made: true },
    spoil: async ({ lab, cluster, good }) => {
      await createDouble(lab, cluster.zone);
      return withoutDnsZone(good);
    },
    says: { kind: 'failing', reason: 'DnsZoneAmbiguous', culprit: ({ good }) => good.zoneId ?? '' },
    mend: mendByGoodObjects,
  },
  {
    name: 'private-zone-of-the-same-name',
    zone: { name: 'split.example.net', made: true },
    spoil: async ({ lab, cluster, good }) => {
      await lab.stack.createZone(cluster.zone, { private: true });
      return withoutDnsZone(good);
    },
    says: { kind: 'issued' },
  },
  {
    name: 'malformed-relocate-annotation',
    spoil: ({ good }) => withMetadata(good, { annotations: { 'hive.openshift.io/relocate': 'hive-2' } }),
    says: { kind: 'issued', event: 'RelocationUnclear' },
  },
  {
    name: 'unmanaged-cluster',
    spoil: ({ good }) => withMetadata(good, { labels: { 'api.openshift.com/managed': 'yes' } }),
    says: { kind: 'explained', reason: 'NotManaged', culprit: () => 'api.openshift.com/managed' },
    mend: async (place) =>
      patchAsHive(place.lab, CLUSTER_DEPLOYMENTS, clusterKey(place), {
        metadata: { labels: { 'api.openshift.com/managed': 'true' } },
      }),
  },
  {
    name: 'bundle-without-a-secret',
    spoil: ({ good }) => withSpec(good, { certificateBundles: [{ name: BUNDLE, generate: true }] }),
    says: { kind: 'explained', reason: 'Malformed', culprit: () => /"primary".*certificateSecretRef\.name/ },
    mend: (place) => mendSpec(place, { certificateBundles: place.good.clusterDeployment.spec['certificateBundles'] }),
  },
  {
    name: 'garbage-in-the-tls-secret',
    spoil: (place) => ({
      ...place.good,
      others: [
        [
          SECRETS,
          secret(place, place.cluster.secretName, 'kubernetes.io/tls', { 'tls.crt': 'no certificate', 'tls.key': '?' }),
        ],
      ],
    }),
    says: { kind: 'issued' },
  },
  {
    name: 'secret-of-another-type',
    spoil: (place) => ({
      ...place.good,
      others: [[SECRETS, secret(place, place.cluster.secretName, 'Opaque', { password: 'of somebody' })]],
    }),
    says: {
      kind: 'failing',
      reason: 'KubernetesSecretBroken',
      culprit: ({ cluster }) => `Secret ${cluster.namespace}/${cluster.secretName} is of type Opaque`,
    },
    mend: async ({ lab, cluster }) => {
      await lab.kubernetes.delete(SECRETS, { namespace: cluster.namespace, name: cluster.secretName });
    },
  },
  {
    name: 'garbage-that-is-immutable',
    spoil: (place) => {
      const garbage = secret(place, place.cluster.secretName, 'kubernetes.io/tls', { 'tls.crt': '?', 'tls.key': '?' });
      return { ...place.good, others: [[SECRETS, { ...garbage, immutable: true }]] };
    },
    says: {
      kind: 'failing',
      reason: 'KubernetesInvalid',
      culprit: ({ cluster }) => new RegExp(`${cluster.secretName}.*immutable`),
    },
    mend: async ({ lab, cluster }) => {
      await lab.kubernetes.delete(SECRETS, { namespace: cluster.namespace, name: cluster.secretName });
    },
  },
  {
    name: 'common-name-over-64-characters',
    spoil: ({ good, cluster }) => {
      const clusterName = `a-cluster-whose-name-is-so-long-that-it-is-no-common-name`;
      return withSpec(good, {
        clusterName,
        ingress: [{ name: 'default', domain: `apps.${clusterName}.${cluster.zone}`, servingCertificate: BUNDLE }],
      });
    },
    says: { kind: 'issued' },
  },
  {
    name: 'name-that-the-ca-refuses',
    zone: { name: 'example', made: true },
    spoil: ({ good }) => withSpec(good, additional(`www.${BLOCKED}`)),
    says: { kind: 'failing', reason: 'AcmeRejectedIdentifier', culprit: () => `www.${BLOCKED}` },
    mend: (place) => mendSpec(place, noAdditional),
  },
];

/** `manageDNS: false`: the zone is looked up by its name. */
function withoutDnsZone(good: ClusterObjects): ClusterObjects {
  return withSpec({ ...good, dnsZone: undefined, zoneId: undefined }, { manageDNS: false });
}

function asObject({ clusterDeployment }: ClusterObjects, field: string): Readonly<Record<string, unknown>> {
  return clusterDeployment.spec[field] as Readonly<Record<string, unknown>>;
}
