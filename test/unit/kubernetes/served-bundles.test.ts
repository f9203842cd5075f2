import { beforeEach, describe, expect, test } from 'vitest';
import type {
  KubernetesApi,
  KubernetesObject,
  ObjectKey,
  ResourceType,
} from '../../../src/kubernetes/api/kubernetes-api.ts';
import { CLUSTER_DEPLOYMENTS } from '../../../src/kubernetes/objects/resources.ts';
import { ServedBundles } from '../../../src/kubernetes/objects/served-bundles.ts';

const cluster = { managementCluster: 'hive', namespace: 'ns', name: 'c1', uid: 'uid-1' };
const request = { namespace: 'ns', name: 'c1-primary', uid: 'request-uid' };
const REF = { cluster, bundleName: 'primary' };
const NAMES = ['api.c1.example.com', '*.apps.c1.example.com'];
const ZONE = {
  namespace: 'ns',
  clusterName: 'c1',
  zoneName: 'example.com',
  platform: { kind: 'aws', region: 'us-east-1', credentialsSecret: 'aws', sts: false },
} as const;
const RECORDS = [{ name: '_acme-challenge.api.c1.example.com', value: 'v' }];
const REFUSED = { code: 'kubernetes/notAskedFor', info: { retry: 'onChange' } };

const clusterDeployment = (clusterName = 'c1', metadata: Partial<KubernetesObject['metadata']> = {}) => ({
  metadata: { namespace: 'ns', name: 'c1', uid: 'uid-1', labels: { 'api.openshift.com/managed': 'true' }, ...metadata },
  spec: {
    baseDomain: 'example.com',
    clusterName,
    installed: true,
    platform: { aws: { region: 'us-east-1', credentialsSecretRef: { name: 'aws' } } },
    controlPlaneConfig: { servingCertificates: { default: 'primary' } },
    ingress: [{ name: 'default', domain: `apps.${clusterName}.example.com`, servingCertificate: 'primary' }],
    certificateBundles: [{ name: 'primary', generate: true, certificateSecretRef: { name: 'primary-cert' } }],
  },
});
const certificateRequest = (uid = 'uid-1') => ({
  metadata: {
    ...request,
    ownerReferences: [{ apiVersion: 'hive.openshift.io/v1', kind: 'ClusterDeployment', name: 'c1', uid }],
  },
});

let object: KubernetesObject | undefined;
let owned: KubernetesObject | undefined;
let reads: string[];
let bundles: ServedBundles;

beforeEach(() => {
  object = clusterDeployment();
  owned = certificateRequest();
  reads = [];
  const get = (resource: ResourceType, { name }: ObjectKey) => {
    reads.push(`${resource.kind} ${name}`);
    return Promise.resolve(resource === CLUSTER_DEPLOYMENTS ? object : owned);
  };
  bundles = new ServedBundles({ get } as unknown as KubernetesApi, { managementCluster: 'hive' });
});

test('the steps of an order share a read of each object', async () => {
  await bundles.requireBundle(REF, { dnsNames: NAMES });
  await bundles.requireZone(cluster, ZONE, RECORDS);
  expect(await bundles.zoneOf(cluster)).toEqual(ZONE);
  for (let step = 0; step < 2; step += 1)
    await bundles.requireBundle(REF, { dnsNames: NAMES, secretName: 'primary-cert', request });
  expect(reads).toEqual(['ClusterDeployment c1', 'CertificateRequest c1-primary']);
});

test('what has changed since it was read is read again before it is refused', async () => {
  await bundles.requireBundle(REF, { dnsNames: NAMES });
  object = clusterDeployment('c2');
  const changed = ['api.c2.example.com', '*.apps.c2.example.com'];
  await bundles.requireBundle(REF, { dnsNames: changed });
  await expect(bundles.requireBundle(REF, { dnsNames: NAMES })).rejects.toMatchObject(REFUSED);
});

test('a request that was created anew is read again', async () => {
  await bundles.requireBundle(REF, { dnsNames: NAMES, request });
  owned = { metadata: { ...certificateRequest().metadata, uid: 'new' } };
  await bundles.requireBundle(REF, { dnsNames: NAMES, request: { ...request, uid: 'new' } });
});

describe('it refuses', () => {
  test.each<[string, Partial<Parameters<ServedBundles['requireBundle']>[1]>]>([
    ['other names', { dnsNames: ['api.c2.example.com'] }],
    ['fewer names', { dnsNames: NAMES.slice(1) }],
    ['another common name', { commonName: 'c2.example.com' }],
    ['another Secret', { secretName: 'another' }],
    ['a request of another name', { request: { ...request, name: 'another' } }],
    ['a request of another namespace', { request: { ...request, namespace: 'another' } }],
    ['a request of another uid', { request: { ...request, uid: 'another' } }],
  ])('%s', async (_what, other) => {
    await expect(bundles.requireBundle(REF, { dnsNames: NAMES, ...other })).rejects.toMatchObject(REFUSED);
  });

  test.each<[string, KubernetesObject | undefined]>([
    ['that is gone', undefined],
    ['that was re-created', clusterDeployment('c1', { uid: 'another' })],
    ['that is being deleted', clusterDeployment('c1', { deletionTimestamp: '2026-01-01T00:00:00Z' })],
    ['that is not managed', clusterDeployment('c1', { labels: {} })],
    ['that is paused', clusterDeployment('c1', { annotations: { 'hive.openshift.io/reconcile-pause': 'true' } })],
    ['that moves', clusterDeployment('c1', { annotations: { 'hive.openshift.io/relocate': 'r/outgoing' } })],
    ['that cannot be read', { ...clusterDeployment(), spec: {} }],
  ])('an object %s', async (_what, found) => {
    object = found;
    await expect(bundles.requireBundle(REF, { dnsNames: NAMES })).rejects.toMatchObject(REFUSED);
    await expect(bundles.requireZone(cluster, ZONE, RECORDS)).rejects.toMatchObject(REFUSED);
  });

  test('the request of another ClusterDeployment', async () => {
    owned = certificateRequest('another');
    await expect(bundles.requireBundle(REF, { dnsNames: NAMES, request })).rejects.toMatchObject(REFUSED);
  });

  test.each<[string, Partial<typeof ZONE> | object]>([
    ['zone', { zoneName: 'example.org' }],
    ['namespace', { namespace: 'another' }],
    ['Secret', { platform: { ...ZONE.platform, credentialsSecret: 'another' } }],
    ['kind of credentials', { platform: { ...ZONE.platform, sts: true } }],
  ])('another %s', async (_what, other) => {
    await expect(bundles.requireZone(cluster, { ...ZONE, ...other }, RECORDS)).rejects.toMatchObject(REFUSED);
    await expect(bundles.requireChallengeNames(cluster, { ...ZONE, ...other }, RECORDS)).rejects.toMatchObject(REFUSED);
  });
});

describe('records without a seal', () => {
  const withdraw = (name: string) => bundles.requireChallengeNames(cluster, ZONE, [{ name, value: 'v' }]);

  test('may be withdrawn where they are those of the names, also while the object is being deleted', async () => {
    await withdraw('_acme-challenge.apps.c1.example.com');
    object = clusterDeployment('c1', { deletionTimestamp: '2026-01-01T00:00:00Z' });
    await withdraw('_acme-challenge.api.c1.example.com');
  });

  test.each(['_acme-challenge.c1.example.com', 'api.c1.example.com', '_acme-challenge.api.c2.example.com'])(
    'may be neither withdrawn nor published at %s',
    async (name) => {
      await expect(withdraw(name)).rejects.toMatchObject(REFUSED);
      await expect(bundles.requireZone(cluster, ZONE, [{ name, value: 'v' }])).rejects.toMatchObject(REFUSED);
    },
  );
});
