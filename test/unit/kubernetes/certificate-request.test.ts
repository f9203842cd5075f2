import { describe, expect, test } from 'vitest';
import { buildCertificateRequest, requestOwnershipOf } from '../../../src/kubernetes/objects/certificate-request.ts';
import { observeRequest } from '../../../src/kubernetes/objects/observed-request.ts';
import { bundleView, clusterView } from '../../support/workflows/cluster-views.ts';

const specOf = (object: ReturnType<typeof buildCertificateRequest>) => object['spec'] as Record<string, unknown>;

describe('the CertificateRequest of a bundle', () => {
  const cluster = clusterView({ apiURL: 'https://api.c1.example.com:6443' });
  const applied = buildCertificateRequest(cluster, bundleView('Primary'), 'sre@example.com');

  test('is named <cluster>-<bundle> in lower case, with owner and finalizer', () => {
    expect(applied.metadata).toMatchObject({
      namespace: 'ns-c1',
      name: 'c1-primary',
      finalizers: ['certificaterequests.certman.managed.openshift.io'],
      ownerReferences: [
        {
          apiVersion: 'hive.openshift.io/v1',
          kind: 'ClusterDeployment',
          name: 'c1',
          uid: cluster.identity.uid,
          controller: true,
        },
      ],
    });
  });

  test('has the fields of certman-operator', () => {
    expect(specOf(applied)).toEqual({
      acmeDNSDomain: 'example.com',
      certificateSecret: { kind: 'secret', namespace: 'ns-c1', name: 'Primary-cert' },
      dnsNames: ['api.c1.example.com', '*.apps.c1.example.com'],
      email: 'sre@example.com',
      platform: { aws: { credentials: { name: 'aws' }, region: 'us-east-1' } },
      apiURL: 'https://api.c1.example.com:6443',
    });
  });

  test('never has renewBeforeDays, which belongs to the user', () => {
    expect(JSON.stringify(applied)).not.toContain('renewBeforeDays');
  });

  test('has namesProblem in place of invalid names', () => {
    const bundle = { ...bundleView(), names: { kind: 'invalid', code: 'names/none', message: 'no names' } } as const;
    const spec = specOf(buildCertificateRequest(cluster, bundle, 'sre@example.com'));
    expect(spec).toMatchObject({ namesProblem: 'no names' });
    expect(spec).not.toHaveProperty('dnsNames');
  });

  test.each([
    [{ kind: 'gcp', credentialsSecret: 'g' }, { gcp: { credentials: { name: 'g' } } }],
    [
      { kind: 'azure', credentialsSecret: 'a', resourceGroupName: 'rg' },
      { azure: { credentials: { name: 'a' }, resourceGroupName: 'rg' } },
    ],
    [{ kind: 'aws', region: 'eu-west-1', sts: true }, { aws: { credentials: {}, region: 'eu-west-1' } }],
    [{ kind: 'unsupported', found: 'vsphere' }, {}],
  ] as const)('platform %j becomes %j', (platform, expected) => {
    const spec = specOf(buildCertificateRequest(clusterView({ platform }), bundleView(), 'sre@example.com'));
    expect(spec['platform']).toEqual(expected);
  });
});

test.each([
  [{ renewBeforeDays: 30 }, 30],
  [{ renewBeforeDays: -1 }, -1],
  [{}, undefined],
  [{ renewBeforeDays: 'soon' }, undefined],
  [undefined, undefined],
])('renewBeforeDays of %j is %j', (spec, expected) => {
  expect(observeRequest({ metadata: { name: 'x' }, spec }).renewBeforeDays).toBe(expected);
});

const DEPLOYMENT = { kind: 'ClusterDeployment', name: 'c1', uid: 'u1' };

test.each([
  ['owned', [{ apiVersion: 'hive.openshift.io/v1', kind: 'ClusterDeployment', name: 'c1', uid: 'u1' }], 'owned'],
  ['another’s', [{ apiVersion: 'hive.openshift.io/v1', kind: 'ClusterDeployment', name: 'c1', uid: 'u2' }], 'foreign'],
  ['of an earlier version of Hive', [{ ...DEPLOYMENT, apiVersion: 'hive.openshift.io/v1alpha1' }], 'owned'],
  ['owned by a kind of that name in another group', [{ ...DEPLOYMENT, apiVersion: 'example.com/v1' }], 'orphaned'],
  ['owned by a kind of that name in the core group', [{ ...DEPLOYMENT, apiVersion: 'v1' }], 'orphaned'],
  ['owned by something else', [{ kind: 'Gadget', name: 'g', uid: 'u3' }], 'orphaned'],
  ['owned by nothing', undefined, 'orphaned'],
])('a request that is %s', (_name, ownerReferences, expected) => {
  expect(requestOwnershipOf({ name: 'x', ownerReferences }, { uid: 'u1' }).kind).toBe(expected);
});
