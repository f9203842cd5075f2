import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { projectClusterDeployment } from '../../../src/kubernetes/objects/cluster-deployment.ts';
import { FINALIZER } from '../../../src/kubernetes/objects/resources.ts';

const SETTINGS = { managementCluster: 'mc-1', extraRecord: 'rh-api' };

const SPEC = {
  clusterName: 'c1',
  baseDomain: 'example.com',
  installed: true,
  platform: { aws: { region: 'us-east-1', credentialsSecretRef: { name: 'aws' } } },
  certificateBundles: [
    { name: 'primary', generate: true, certificateSecretRef: { name: 'primary-cert' } },
    { name: 'byo', generate: false, certificateSecretRef: { name: 'byo-cert' } },
  ],
  controlPlaneConfig: { servingCertificates: { default: 'primary' } },
  ingress: [{ name: 'default', domain: 'apps.c1.example.com', servingCertificate: 'primary' }],
};

function object(change: { metadata?: object; spec?: unknown; status?: unknown } = {}): KubernetesObject {
  return {
    metadata: {
      name: 'c1',
      namespace: 'ns',
      uid: 'u1',
      labels: { 'api.openshift.com/managed': 'true' },
      ...change.metadata,
    },
    spec: 'spec' in change ? change.spec : SPEC,
    ...('status' in change ? { status: change.status } : {}),
  };
}

function viewOf(change?: Parameters<typeof object>[0]) {
  const projected = projectClusterDeployment(object(change), SETTINGS);
  if (projected.kind !== 'cluster') throw new Error(projected.message);
  return projected.view;
}

function problemOf(spec: unknown): string {
  const projected = projectClusterDeployment(object({ spec }), SETTINGS);
  return projected.kind === 'malformed' ? projected.message : 'none';
}

test('a complete object gives a complete view', () => {
  expect(viewOf({ status: { apiURL: 'https://api', webConsoleURL: 'https://console', more: 1 } })).toEqual({
    identity: { managementCluster: 'mc-1', namespace: 'ns', name: 'c1', uid: 'u1' },
    deleting: false,
    installed: true,
    managed: true,
    fake: false,
    paused: false,
    limitedSupport: false,
    relocation: 'none',
    finalizer: false,
    zoneName: 'example.com',
    platform: { kind: 'aws', region: 'us-east-1', credentialsSecret: 'aws', sts: false },
    bundles: [
      {
        name: 'primary',
        secretName: 'primary-cert',
        names: {
          kind: 'valid',
          dnsNames: ['api.c1.example.com', 'rh-api.c1.example.com', '*.apps.c1.example.com'],
          commonName: 'api.c1.example.com',
        },
      },
    ],
    apiURL: 'https://api',
    webConsoleURL: 'https://console',
  });
});

test('labels, annotations, finalizers and deletion are projected', () => {
  expect(
    viewOf({
      metadata: {
        labels: {
          'api.openshift.com/managed': 'true',
          'api.openshift.com/limited-support': 'true',
          'api.openshift.com/sts': 'true',
        },
        annotations: { 'managed.openshift.com/fake': 'true', 'hive.openshift.io/reconcile-pause': 'true' },
        finalizers: ['hive.openshift.io/deprovision', FINALIZER],
        deletionTimestamp: '2026-01-01T00:00:00Z',
      },
    }),
  ).toMatchObject({
    limitedSupport: true,
    fake: true,
    paused: true,
    finalizer: true,
    deleting: true,
    platform: { sts: true },
  });
});

test.each(['True', 'yes', '', 'false'])('a label of %j is not "true"', (value) => {
  expect(viewOf({ metadata: { labels: { 'api.openshift.com/managed': value } } }).managed).toBe(false);
});

test.each([
  ['mc-2/outgoing', 'outgoing'],
  ['mc-2/incoming', 'incoming'],
  ['mc-2/complete', 'complete'],
  ['outgoing', 'malformed'],
  ['', 'malformed'],
  ['/', 'malformed'],
  ['mc-2/', 'malformed'],
  ['mc-2/Outgoing', 'malformed'],
  ['mc-2/something', 'malformed'],
  ['a/b/outgoing', 'outgoing'],
])('relocation %j is %s', (value, expected) => {
  expect(viewOf({ metadata: { annotations: { 'hive.openshift.io/relocate': value } } }).relocation).toBe(expected);
});

test.each([
  ['no credentials: the default chain', { aws: { region: 'r' } }, { kind: 'aws', region: 'r', sts: false }],
  [
    'an empty name: the default chain',
    { aws: { region: 'r', credentialsSecretRef: { name: '' } } },
    { kind: 'aws', region: 'r', sts: false },
  ],
  ['gcp', { gcp: { credentialsSecretRef: { name: 'g' } } }, { kind: 'gcp', credentialsSecret: 'g' }],
  [
    'azure',
    { azure: { credentialsSecretRef: { name: 'a' }, baseDomainResourceGroupName: 'rg' } },
    { kind: 'azure', credentialsSecret: 'a', resourceGroupName: 'rg' },
  ],
  [
    "another cloud than Azure's public one",
    { azure: { credentialsSecretRef: { name: 'a' }, cloudName: 'AzureUSGovernmentCloud' } },
    { kind: 'azure', credentialsSecret: 'a', resourceGroupName: '', cloudName: 'AzureUSGovernmentCloud' },
  ],
  [
    "Azure's public cloud by its name",
    {
      azure: { credentialsSecretRef: { name: 'a' }, baseDomainResourceGroupName: 'rg', cloudName: 'AzurePublicCloud' },
    },
    { kind: 'azure', credentialsSecret: 'a', resourceGroupName: 'rg' },
  ],
  ['another platform', { vsphere: { vCenter: 'x' } }, { kind: 'unsupported', found: 'vsphere' }],
  ['none', {}, { kind: 'unsupported', found: 'none' }],
  ['null', null, { kind: 'unsupported', found: 'none' }],
])('platform with %s', (_name, platform, expected) => {
  expect(viewOf({ spec: { ...SPEC, platform } }).platform).toEqual(expected);
});

test('absent lists may be null or missing', () => {
  const { certificateBundles, ingress, controlPlaneConfig, installed, ...rest } = SPEC;
  expect(viewOf({ spec: rest })).toMatchObject({ bundles: [], installed: false });
  expect(
    viewOf({ spec: { ...rest, certificateBundles: null, ingress: null, controlPlaneConfig: null } }).bundles,
  ).toEqual([]);
  expect([certificateBundles, ingress, controlPlaneConfig, installed]).toBeDefined();
});

test('a bundle with invalid names is in the view, with the reason', () => {
  const ingress = [{ domain: 'apps.other.org', servingCertificate: 'primary' }];
  expect(viewOf({ spec: { ...SPEC, ingress } }).bundles[0]?.names).toMatchObject({ code: 'dns/nameOutsideZone' });
});

describe('a malformed object is reported with path and problem', () => {
  const bundle = SPEC.certificateBundles[0];
  test.each([
    ['no spec', undefined, /spec: /],
    ['no cluster name', { ...SPEC, clusterName: undefined }, /spec\.clusterName/],
    ['a base domain that is a number', { ...SPEC, baseDomain: 7 }, /spec\.baseDomain/],
    ['a base domain that is no domain', { ...SPEC, baseDomain: 'not a domain' }, /spec\.baseDomain: it is no domain/],
    ['installed that is a word', { ...SPEC, installed: 'yes' }, /spec\.installed/],
    ['bundles that are no list', { ...SPEC, certificateBundles: {} }, /spec\.certificateBundles/],
    ['too many bundles', { ...SPEC, certificateBundles: Array(33).fill(bundle) }, /spec\.certificateBundles/],
    [
      'a bundle without a Secret',
      { ...SPEC, certificateBundles: [{ name: 'p', generate: true }] },
      /certificateSecretRef/,
    ],
    [
      'a name of a bundle that is longer than that of an object',
      { ...SPEC, certificateBundles: [{ ...bundle, name: 'p'.repeat(254) }] },
      /spec\.certificateBundles\.0\.name: .*253/,
    ],
    [
      'a name of a bundle that is too long beside that of its cluster',
      { ...SPEC, certificateBundles: [{ ...bundle, name: 'p'.repeat(253) }] },
      /cannot be part of an object's name/,
    ],
    ['a bundle twice', { ...SPEC, certificateBundles: [bundle, { ...bundle, name: 'Primary' }] }, /twice/],
    ['a shared Secret', { ...SPEC, certificateBundles: [bundle, { ...bundle, name: 'second' }] }, /shares its Secret/],
    [
      'a bundle that no object can be named after',
      { ...SPEC, certificateBundles: [{ ...bundle, name: 'a b' }] },
      /cannot be part/,
    ],
    ['an endless domain', { ...SPEC, ingress: [{ domain: 'x'.repeat(5000) }] }, /spec\.ingress\.0\.domain/],
  ])('%s', (_name, spec, expected) => {
    expect(problemOf(spec)).toMatch(expected);
  });

  test('without its values', () => {
    expect(problemOf({ ...SPEC, clusterName: { password: 'hunter2' } })).not.toContain('hunter2');
  });
});

test.each([
  ['no uid', 'uid', { uid: undefined }],
  ['an endless uid', 'uid', { uid: 'u'.repeat(129) }],
  ['an empty namespace', 'namespace', { namespace: '' }],
  ['an endless name', 'name', { name: 'c'.repeat(254) }],
  ['a label that is a number', 'labels.a', { labels: { a: 1 } }],
  ['finalizers that are no list', 'finalizers', { finalizers: {} }],
])('metadata with %s is reported, since it identifies the workflow', (_name, path, metadata) => {
  const message = expect.stringContaining(`metadata.${path}: `);
  expect(projectClusterDeployment(object({ metadata }), SETTINGS)).toEqual({ kind: 'malformed', message });
});

test('an object that is being deleted is never malformed: its decommission needs no spec', () => {
  const metadata = { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: [FINALIZER] };
  expect(viewOf({ metadata, spec: { certificateBundles: 'none' } })).toMatchObject({
    deleting: true,
    finalizer: true,
    bundles: [],
    platform: { kind: 'unsupported' },
  });
});

test('an invalid status does not prevent serving', () => {
  expect(viewOf({ status: { apiURL: 7 } }).apiURL).toBeUndefined();
  expect(viewOf({ status: 'none' }).installed).toBe(true);
});

test('no input makes it throw', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (spec, status) => {
      const projected = projectClusterDeployment(object({ spec, status }), SETTINGS);
      expect(['cluster', 'malformed']).toContain(projected.kind);
    }),
  );
});
