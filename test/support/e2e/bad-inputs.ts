/** Bad input for one cluster from Hive, users and outside systems: what certman must report, and how it is repaired. */
import { withHiveClient } from '../../../local/stack/management-cluster/clients.ts';
import type { SampleCluster } from '../../../local/stack/management-cluster/sample-cluster.ts';
import { PEBBLE_BLOCKED_DOMAINS } from '../../../local/stack/parts/flags.ts';
import { type KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { CLUSTER_DEPLOYMENTS, SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { createDouble } from '../dns/hosted-zones.ts';
import { BAD_KEYS } from '../faults/rejected-aws-keys.ts';
import { expectExit, runCertman } from '../process/certman-process.ts';
import {
  applyClusterObjects,
  type ClusterObjects,
  patchAsHive,
  withMetadata,
  withSpec,
  zoneStatus,
} from './cluster-objects.ts';
import type { E2eHarness } from './harness.ts';

/** A cluster that is given bad input. */
export interface ClusterUnderTest {
  readonly lab: E2eHarness;
  readonly cluster: SampleCluster;
  /** Its valid objects. */
  readonly good: ClusterObjects;
}

/** One kind of bad input. */
export interface BadInput {
  /** Also the cluster's name, so a DNS label. */
  readonly name: string;
  /** Zone of the cluster; default: the shared zone. `made`: whether the test creates the hosted zone beforehand. */
  readonly zone?: { readonly name: string; readonly made: boolean };
  /** @returns the objects to apply instead of the valid ones. */
  corrupt(subject: ClusterUnderTest): ClusterObjects | Promise<ClusterObjects>;
  readonly expected: ExpectedOutcome;
  /** Repairs the input. Absent: the input does not prevent issuance. */
  repair?(subject: ClusterUnderTest): Promise<void>;
}

/** `message`: what the condition's or Event's message must contain. */
export type ExpectedOutcome =
  /** Condition Failing with this reason, Ready False, and an Event on both resources. */
  | {
      readonly kind: 'failing';
      readonly reason: string;
      readonly message: (subject: ClusterUnderTest) => string | RegExp;
    }
  /** Neither CertificateRequest nor workflow; an Event on the ClusterDeployment only. */
  | {
      readonly kind: 'explained';
      readonly reason: string;
      readonly message: (subject: ClusterUnderTest) => string | RegExp;
    }
  /** A certificate is issued, optionally with an Event. */
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

async function repairSpec(subject: ClusterUnderTest, spec: Readonly<Record<string, unknown>>): Promise<void> {
  await patchAsHive(subject.lab, CLUSTER_DEPLOYMENTS, clusterKey(subject), { spec });
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

function credentials(subject: ClusterUnderTest, data: Readonly<Record<string, string>>): ClusterObjects {
  return { ...subject.good, credentials: secret(subject, 'aws', 'Opaque', data) };
}

function rejectedCredentials(code: keyof typeof BAD_KEYS): Pick<BadInput, 'corrupt' | 'expected' | 'repair'> {
  return {
    corrupt: (subject) =>
      credentials(subject, { aws_access_key_id: BAD_KEYS[code], aws_secret_access_key: 'wrong-secret' }),
    expected: { kind: 'failing', reason: 'DnsAccessDenied', message: () => code },
    repair: restoreValidObjects,
  };
}

/** Every kind of bad input that the tests try. */
export const BAD_INPUTS: readonly BadInput[] = [
  {
    name: 'invalid-name',
    corrupt: (subject) => withSpec(subject.good, additional(`under_score.${domainOf(subject)}`)),
    expected: { kind: 'failing', reason: 'NamesInvalid', message: (subject) => `under_score.${domainOf(subject)}` },
    repair: (subject) => repairSpec(subject, noAdditional),
  },
  {
    name: 'no-names',
    corrupt: ({ good }) => withSpec(good, { controlPlaneConfig: {}, ingress: [] }),
    expected: { kind: 'failing', reason: 'NamesNone', message: () => `"${BUNDLE}"` },
    repair: (subject) => repairSpec(subject, subject.good.clusterDeployment.spec),
  },
  {
    name: 'too-many-names',
    corrupt: (subject) =>
      withSpec(
        subject.good,
        additional(...Array.from({ length: 101 }, (_, index) => `n${index}.${domainOf(subject)}`)),
      ),
    expected: { kind: 'failing', reason: 'NamesTooMany', message: () => /104 names.*at most 100/ },
    repair: (subject) => repairSpec(subject, noAdditional),
  },
  {
    name: 'name-outside-the-zone',
    corrupt: ({ good }) => withSpec(good, additional('www.somewhere-else.example.org')),
    expected: { kind: 'failing', reason: 'DnsNameOutsideZone', message: () => 'www.somewhere-else.example.org' },
    repair: (subject) => repairSpec(subject, noAdditional),
  },
  {
    name: 'invalid-base-domain',
    corrupt: ({ good }) => withSpec(good, { baseDomain: 'not a domain' }),
    expected: {
      kind: 'explained',
      reason: 'InvalidClusterDeployment',
      message: () => 'spec.baseDomain: it is no domain name',
    },
    repair: (subject) => repairSpec(subject, { baseDomain: subject.cluster.zone }),
  },
  {
    name: 'no-region',
    corrupt: ({ good }) => withSpec(good, { platform: { aws: { credentialsSecretRef: { name: 'aws' } } } }),
    expected: { kind: 'issued' },
  },
  {
    name: 'invalid-credentials-name',
    corrupt: ({ good }) =>
      withSpec(good, { platform: { aws: { region: 'us-east-1', credentialsSecretRef: { name: '../Aws' } } } }),
    expected: { kind: 'failing', reason: 'DnsCredentialsMissing', message: () => '../Aws' },
    repair: (subject) => repairSpec(subject, { platform: subject.good.clusterDeployment.spec['platform'] }),
  },
  {
    name: 'no-credentials',
    corrupt: ({ good }) => ({ ...good, credentials: undefined }),
    expected: {
      kind: 'failing',
      reason: 'DnsCredentialsMissing',
      message: ({ cluster }) => `Secret ${cluster.namespace}/aws`,
    },
    repair: restoreValidObjects,
  },
  {
    name: 'credentials-without-a-key',
    corrupt: (subject) => credentials(subject, { aws_access_key_id: 'AKIASOMETHING00001' }),
    expected: {
      kind: 'failing',
      reason: 'DnsCredentialsMalformed',
      message: ({ cluster }) => `Secret ${cluster.namespace}/aws has no aws_secret_access_key`,
    },
    repair: restoreValidObjects,
  },
  { name: 'credentials-without-permission', ...rejectedCredentials('AccessDenied') },
  { name: 'credentials-unknown-to-aws', ...rejectedCredentials('InvalidClientTokenId') },
  {
    name: 'platform-without-aws',
    corrupt: ({ good }) => withSpec(good, { platform: { openstack: {} } }),
    expected: { kind: 'failing', reason: 'DnsPlatformUnsupported', message: () => 'openstack' },
    repair: (subject) => repairSpec(subject, { platform: { ...specField(subject.good, 'platform'), openstack: null } }),
  },
  {
    name: 'dnszone-without-hosted-zone',
    corrupt: ({ good }) => ({ ...good, zoneId: undefined }),
    expected: {
      kind: 'failing',
      reason: 'DnsZoneNotFound',
      message: ({ cluster }) => `DNSZone ${cluster.namespace}/${cluster.name}-zone`,
    },
    repair: async ({ lab, good }) => {
      const { dnsZone, zoneId } = good;
      if (dnsZone === undefined || zoneId === undefined) throw new Error('the valid objects include no hosted zone');
      await withHiveClient(lab.stack.kubernetes.adminKubeconfig, (hive) =>
        hive.mergePatch([zoneStatus(dnsZone, zoneId)]),
      );
    },
  },
  {
    name: 'no-hosted-zone',
    zone: { name: 'absent.example.net', made: false },
    corrupt: ({ good }) => withoutDnsZone(good),
    expected: { kind: 'failing', reason: 'DnsZoneNotFound', message: () => 'absent.example.net' },
    // DNS is not watched, and the schedule's third attempt may be minutes away.
    repair: async ({ lab, cluster }) => {
      await lab.stack.createZone(cluster.zone);
      await expectExit(runCertman(['renew', `${cluster.namespace}/${cluster.name}`], lab.commandEnvironment()));
    },
  },
  {
    name: 'two-hosted-zones',
    zone: { name: 'double.example.net', made: true },
    corrupt: async ({ lab, cluster, good }) => {
      await createDouble(lab, cluster.zone);
      return withoutDnsZone(good);
    },
    expected: { kind: 'failing', reason: 'DnsZoneAmbiguous', message: ({ good }) => good.zoneId ?? '' },
    repair: restoreValidObjects,
  },
  {
    name: 'private-zone-of-same-name',
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
    expected: { kind: 'explained', reason: 'NotManaged', message: () => 'api.openshift.com/managed' },
    repair: async (subject) =>
      patchAsHive(subject.lab, CLUSTER_DEPLOYMENTS, clusterKey(subject), {
        metadata: { labels: { 'api.openshift.com/managed': 'true' } },
      }),
  },
  {
    name: 'bundle-without-a-secret',
    corrupt: ({ good }) => withSpec(good, { certificateBundles: [{ name: BUNDLE, generate: true }] }),
    expected: {
      kind: 'explained',
      reason: 'InvalidClusterDeployment',
      message: () => /"primary".*certificateSecretRef\.name/,
    },
    repair: (subject) =>
      repairSpec(subject, { certificateBundles: subject.good.clusterDeployment.spec['certificateBundles'] }),
  },
  {
    name: 'garbage-in-the-tls-secret',
    corrupt: (subject) => ({
      ...subject.good,
      others: [
        [
          SECRETS,
          secret(subject, subject.cluster.secretName, 'kubernetes.io/tls', {
            'tls.crt': 'no certificate',
            'tls.key': '?',
          }),
        ],
      ],
    }),
    expected: { kind: 'issued' },
  },
  {
    name: 'secret-of-other-type',
    corrupt: (subject) => ({
      ...subject.good,
      others: [[SECRETS, secret(subject, subject.cluster.secretName, 'Opaque', { password: 'of an application' })]],
    }),
    expected: {
      kind: 'failing',
      reason: 'KubernetesSecretBroken',
      message: ({ cluster }) => `Secret ${cluster.namespace}/${cluster.secretName} is of type Opaque`,
    },
    repair: async ({ lab, cluster }) => {
      await lab.kubernetes.delete(SECRETS, { namespace: cluster.namespace, name: cluster.secretName });
    },
  },
  {
    name: 'immutable-garbage-secret',
    corrupt: (subject) => {
      const garbage = secret(subject, subject.cluster.secretName, 'kubernetes.io/tls', {
        'tls.crt': '?',
        'tls.key': '?',
      });
      return { ...subject.good, others: [[SECRETS, { ...garbage, immutable: true }]] };
    },
    expected: {
      kind: 'failing',
      reason: 'KubernetesInvalid',
      message: ({ cluster }) => new RegExp(`${cluster.secretName}.*immutable`),
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
    name: 'name-rejected-by-ca',
    zone: { name: 'example', made: true },
    corrupt: ({ good }) => withSpec(good, additional(`www.${BLOCKED}`)),
    expected: { kind: 'failing', reason: 'AcmeRejectedIdentifier', message: () => `www.${BLOCKED}` },
    repair: (subject) => repairSpec(subject, noAdditional),
  },
];

/** With `manageDNS: false`, so that certman finds the zone by its name. */
function withoutDnsZone(good: ClusterObjects): ClusterObjects {
  return withSpec({ ...good, dnsZone: undefined, zoneId: undefined }, { manageDNS: false });
}

function specField({ clusterDeployment }: ClusterObjects, field: string): Readonly<Record<string, unknown>> {
  return clusterDeployment.spec[field] as Readonly<Record<string, unknown>>;
}
