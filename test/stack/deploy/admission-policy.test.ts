/**
 * deploy/components/admission-policy, on the real API server with certman's real ServiceAccount. The local stack has it
 * installed, so that all other tests show that certman works under it.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { readManifests } from '../../../local/stack/management-cluster/manifests.ts';
import { CERTMAN_SERVICE_ACCOUNT } from '../../../local/stack/management-cluster/service-account.ts';
import type { JsonPatchOperation, KubernetesObject, ObjectKey } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { CLUSTER_DEPLOYMENTS, FINALIZER, NAMESPACES, SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { STAGING_LABEL } from '../../../src/kubernetes/objects/secret-ownership.ts';
import { OPERATOR_NAMESPACE, useManagementCluster } from '../../support/kubernetes/management-cluster.ts';
import { eventually } from '../../support/vitest/eventually.ts';

const TLS = 'kubernetes.io/tls';
const TLS_DATA = { 'tls.crt': '', 'tls.key': '' };
const STAGED = { labels: { [STAGING_LABEL]: 'true' } };
const FORBIDDEN = {
  code: 'kubernetes/forbidden',
  message: expect.stringContaining('ValidatingAdmissionPolicy') as string,
};

const managementCluster = useManagementCluster();
const certman = () => managementCluster().certman;
const admin = () => managementCluster().admin;
let namespace: string;
/** A namespace of the platform. */
const platform = `openshift-${crypto.randomUUID().slice(0, 8)}`;

beforeAll(async () => {
  namespace = await managementCluster().namespace();
  await admin().create(NAMESPACES, { metadata: { name: platform } });
  // The API server applies a new policy some moments after it was created.
  await eventually('a Secret is refused', () => refusal(certman().create(SECRETS, secret('Opaque'))), isByPolicy);
  const { object } = await managementCluster().cluster();
  const label = { op: 'add', path: '/metadata/labels/x', value: 'x' } as const;
  const change = () => certman().patch(CLUSTER_DEPLOYMENTS, object.metadata, [label]);
  await eventually('a ClusterDeployment is refused', () => refusal(change()), isByPolicy);
});
afterAll(async () => {
  await admin().delete(NAMESPACES, { name: platform });
});

let made = 0;

function secret(type: string, metadata: object = {}, data: object = type === TLS ? TLS_DATA : {}): KubernetesObject {
  made += 1;
  return { metadata: { namespace, name: `s${made}`, ...metadata }, type, data };
}

const refusal = (attempt: Promise<unknown>) => attempt.then(() => 'it was done').catch(String);
const isByPolicy = (answer: string) => answer.includes('ValidatingAdmissionPolicy');

/** As another client has made it. */
async function existing(object: KubernetesObject): Promise<ObjectKey> {
  const created = await admin().create(SECRETS, object);
  if (created === undefined) throw new Error(`Secret ${object.metadata.name} exists`);
  return { namespace: created.metadata.namespace, name: created.metadata.name };
}

test('the policy names the ServiceAccount of deploy/base', async () => {
  const files = ['secrets.yaml', 'cluster-deployments.yaml'];
  const objects = await Promise.all(files.map((file) => readManifests(`components/admission-policy/${file}`)));
  const policies = objects.flat().filter(({ kind }) => kind === 'ValidatingAdmissionPolicy');
  const { namespace: home, name } = CERTMAN_SERVICE_ACCOUNT;
  const expression = `request.userInfo.username == 'system:serviceaccount:${home}:${name}'`;
  expect(policies.map(({ spec }) => spec)).toEqual(
    policies.map(() =>
      expect.objectContaining({ failurePolicy: 'Fail', matchConditions: [{ name: 'certman', expression }] }),
    ),
  );
});

describe('Secrets', () => {
  test.each([
    ['of type kubernetes.io/tls', () => secret(TLS)],
    ['of type kubernetes.io/tls in its own namespace', () => secret(TLS, { namespace: OPERATOR_NAMESPACE })],
    ['that stage a key', () => secret('Opaque', STAGED)],
  ])('%s can be created, changed and deleted', async (_what, make) => {
    const object = make();
    const { metadata } = object;
    expect(await certman().create(SECRETS, object)).toBeDefined();
    await certman().apply(SECRETS, { ...object, metadata: { ...metadata, annotations: { seen: 'yes' } } });
    expect(await certman().delete(SECRETS, metadata)).toBe(true);
  });

  test.each([
    ['of another type', () => secret('Opaque')],
    ['of no type', () => ({ metadata: secret('').metadata })],
    ['with the label at another value', () => secret('Opaque', { labels: { [STAGING_LABEL]: 'false' } })],
    ['of another type with the label', () => secret('kubernetes.io/dockercfg', STAGED, { '.dockercfg': btoa('{}') })],
    // The token controller would fill it with a token of that ServiceAccount.
    [
      'that take the token of another ServiceAccount',
      () =>
        secret('kubernetes.io/service-account-token', {
          ...STAGED,
          annotations: { 'kubernetes.io/service-account.name': 'default' },
        }),
    ],
    ['in kube-system', () => secret(TLS, { namespace: 'kube-system' })],
    ['in a namespace of OpenShift', () => secret(TLS, { namespace: platform })],
    ['that stage a key in a namespace of OpenShift', () => secret('Opaque', { ...STAGED, namespace: platform })],
  ])('%s cannot be created', async (_what, make) => {
    const object = make();
    await expect(certman().create(SECRETS, object)).rejects.toMatchObject(FORBIDDEN);
    await expect(certman().apply(SECRETS, object)).rejects.toMatchObject(FORBIDDEN);
  });

  test.each([
    ['of another type', () => secret('Opaque')],
    ['of its own namespace, such as the ACME account', () => secret('Opaque', { namespace: OPERATOR_NAMESPACE })],
    ['of type kubernetes.io/tls in kube-system', () => secret(TLS, { namespace: 'kube-system' })],
    ['of type kubernetes.io/tls in a namespace of OpenShift', () => secret(TLS, { namespace: platform })],
  ])('%s cannot be changed, labelled as its own, or deleted', async (_what, make) => {
    const object = make();
    const key = await existing(object);
    const changes: readonly JsonPatchOperation[][] = [
      [{ op: 'add', path: '/data', value: { ...(object['data'] as object), more: 'eA==' } }],
      [{ op: 'add', path: '/metadata/labels', value: STAGED.labels }],
    ];
    for (const change of changes) {
      await expect(certman().patch(SECRETS, key, change)).rejects.toMatchObject(FORBIDDEN);
    }
    await expect(certman().delete(SECRETS, key)).rejects.toMatchObject(FORBIDDEN);
    expect(await admin().delete(SECRETS, key)).toBe(true);
  });

  test('that stage a key cannot lose the label, by which they are known', async () => {
    const key = await existing(secret('Opaque', STAGED));
    const change = certman().patch(SECRETS, key, [{ op: 'remove', path: '/metadata/labels' }]);
    await expect(change).rejects.toMatchObject(FORBIDDEN);
  });

  test('can be written by others as before', async () => {
    expect(await admin().create(SECRETS, secret('Opaque'))).toBeDefined();
  });
});

describe('a ClusterDeployment', () => {
  const HIVES = 'hive.openshift.io/deprovision';
  let key: ObjectKey;
  beforeEach(async () => {
    const { object } = await managementCluster().cluster();
    key = object.metadata;
    await admin().patch(CLUSTER_DEPLOYMENTS, key, [
      { op: 'add', path: '/metadata/finalizers', value: [HIVES] },
      { op: 'add', path: '/metadata/annotations', value: { note: 'kept' } },
    ]);
    const status = {
      apiURL: 'https://api.c1.example.com',
      certificateBundles: [{ name: 'primary', generated: false }],
    };
    await admin().patch(CLUSTER_DEPLOYMENTS, key, [{ op: 'add', path: '/status', value: status }], {
      subresource: 'status',
    });
  });

  const patch = (operations: readonly JsonPatchOperation[], subresource?: 'status') =>
    certman().patch(CLUSTER_DEPLOYMENTS, key, operations, subresource === undefined ? {} : { subresource });

  test('takes and loses certman’s finalizer, by apply and by patch', async () => {
    const { namespace: where, name } = key;
    const metadata = { namespace: where, name, finalizers: [FINALIZER] };
    const applied = await certman().apply(CLUSTER_DEPLOYMENTS, { metadata });
    expect(applied.metadata.finalizers).toEqual([HIVES, FINALIZER]);
    const patched = await patch([{ op: 'replace', path: '/metadata/finalizers', value: [HIVES] }]);
    expect(patched?.metadata.finalizers).toEqual([HIVES]);
  });

  test('takes the status of its bundles', async () => {
    const bundles = [{ name: 'primary', generated: true }];
    const patched = await patch([{ op: 'replace', path: '/status/certificateBundles', value: bundles }], 'status');
    expect(patched?.['status']).toMatchObject({ certificateBundles: bundles });
  });

  test.each<[string, readonly JsonPatchOperation[]]>([
    ['a field of its spec', [{ op: 'replace', path: '/spec/installed', value: false }]],
    ['a new field of its spec', [{ op: 'add', path: '/spec/powerState', value: 'Hibernating' }]],
    ['the absence of a field', [{ op: 'remove', path: '/spec/certificateBundles' }]],
    ['a label', [{ op: 'replace', path: '/metadata/labels/api.openshift.com~1managed', value: 'false' }]],
    ['an annotation', [{ op: 'add', path: '/metadata/annotations/hive.openshift.io~1relocate', value: 'x/outgoing' }]],
    ['no annotations', [{ op: 'remove', path: '/metadata/annotations' }]],
    [
      'an owner',
      [
        {
          op: 'add',
          path: '/metadata/ownerReferences',
          value: [{ apiVersion: 'v1', kind: 'Secret', name: 'x', uid: crypto.randomUUID() }],
        },
      ],
    ],
    ['no finalizer of Hive', [{ op: 'replace', path: '/metadata/finalizers', value: [FINALIZER] }]],
    ['no finalizers', [{ op: 'remove', path: '/metadata/finalizers' }]],
    ['a finalizer of another', [{ op: 'add', path: '/metadata/finalizers/-', value: 'example.com/other' }]],
  ])('does not take %s', async (_what, operations) => {
    await expect(patch(operations)).rejects.toMatchObject(FORBIDDEN);
  });

  test.each<[string, JsonPatchOperation]>([
    ['another field', { op: 'replace', path: '/status/apiURL', value: 'https://api.example' }],
    ['the absence of another field', { op: 'remove', path: '/status/apiURL' }],
  ])('does not take %s of its status', async (_what, operation) => {
    await expect(patch([operation], 'status')).rejects.toMatchObject(FORBIDDEN);
  });
});
