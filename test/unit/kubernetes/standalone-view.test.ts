import { describe, expect, test } from 'vitest';
import { type KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { observeRequest } from '../../../src/kubernetes/objects/observed-request.ts';
import { standaloneView } from '../../../src/kubernetes/objects/request-views.ts';
import { FINALIZER } from '../../../src/kubernetes/objects/resources.ts';

const SPEC = {
  acmeDNSDomain: 'Example.com.',
  certificateSecret: { name: 'web-cert' },
  dnsNames: ['WWW.example.com', 'example.com', 'www.example.com', '*.example.com'],
  email: 'sre@example.com',
  platform: { aws: { region: 'us-east-1', credentials: { name: 'aws' } } },
};

function viewOf(change: { spec?: unknown; metadata?: object } = {}) {
  const object: KubernetesObject = {
    metadata: { name: 'web', namespace: 'ns', uid: 'u1', ...change.metadata },
    spec: 'spec' in change ? change.spec : SPEC,
  };
  return standaloneView({ managementCluster: 'mc-1' }, observeRequest(object));
}

const namesOf = (dnsNames: unknown, acmeDNSDomain = 'example.com') =>
  viewOf({ spec: { ...SPEC, dnsNames, acmeDNSDomain } }).bundles[0]?.names;

test('a complete request gives a complete view of one certificate', () => {
  expect(viewOf()).toEqual({
    identity: { managementCluster: 'mc-1', namespace: 'ns', name: 'web', uid: 'u1', kind: 'CertificateRequest' },
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
        name: 'web',
        requestName: 'web',
        secretName: 'web-cert',
        names: {
          kind: 'valid',
          dnsNames: ['www.example.com', 'example.com', '*.example.com'],
          commonName: 'www.example.com',
        },
      },
    ],
  });
});

test('pause, finalizer and deletion are projected', () => {
  const metadata = {
    annotations: { 'hive.openshift.io/reconcile-pause': 'true' },
    finalizers: ['example.com/theirs', FINALIZER],
    deletionTimestamp: '2026-01-01T00:00:00Z',
  };
  expect(viewOf({ metadata })).toMatchObject({ paused: true, finalizer: true, deleting: true });
});

describe('invalid names', () => {
  test.each([
    ['none', [], 'names/none', /^spec\.dnsNames is empty or cannot be read/],
    ['no list', 'www.example.com', 'names/none', /^spec\.dnsNames is empty or cannot be read/],
    ['an address', ['10.0.0.1'], 'names/invalid', /^spec\.dnsNames asks for "10\.0\.0\.1".* Correct it\.$/],
    [
      'one of another zone',
      ['www.example.org'],
      'dns/nameOutsideZone',
      /"www\.example\.org", which is not in spec\.acmeDNSDomain, the zone "example\.com", so/,
    ],
    [
      'too many',
      Array.from({ length: 101 }, (_, index) => `n${index}.example.com`),
      'names/tooMany',
      /^spec\.dnsNames has 101 names; .* over more CertificateRequests\.$/,
    ],
  ])('%s: the message fits a request', (_name, dnsNames, code, message) => {
    expect(namesOf(dnsNames)).toEqual({ kind: 'invalid', code, message: expect.stringMatching(message) as string });
  });
});

test('a request says whether a setting serves none', () => {
  const request = observeRequest({ metadata: { name: 'web', namespace: 'ns', uid: 'u1' }, spec: SPEC });
  const offOf = (standaloneRequests: 'on' | 'off') =>
    standaloneView({ managementCluster: 'mc-1', standaloneRequests }, request).standaloneRequestsOff;
  expect([offOf('on'), offOf('off')]).toEqual([undefined, true]);
});

test('an invalid Secret name counts as absent', () => {
  const certificateSecret = { name: '../../certman-operator/secrets/lets-encrypt-account' };
  expect(viewOf({ spec: { ...SPEC, certificateSecret } }).bundles[0]?.secretName).toBe('');
});

describe('the platform', () => {
  test.each([
    [
      'without credentials',
      { aws: { region: 'us-east-1', credentials: {} } },
      { kind: 'aws', region: 'us-east-1', sts: false },
    ],
    ['GCP', { gcp: { credentials: { name: 'gcp' } } }, { kind: 'gcp', credentialsSecret: 'gcp' }],
    [
      'Azure',
      { azure: { credentials: { name: 'az' }, resourceGroupName: 'rg' } },
      { kind: 'azure', credentialsSecret: 'az', resourceGroupName: 'rg' },
    ],
    ['none', {}, { kind: 'unsupported', found: 'none' }],
    ['another', { ibm: {} }, { kind: 'unsupported', found: 'ibm' }],
  ])('%s', (_name, platform, expected) => {
    expect(viewOf({ spec: { ...SPEC, platform } }).platform).toEqual(expected);
  });
});

test('an invalid spec gives a view nevertheless', () => {
  expect(viewOf({ spec: 7, metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } })).toMatchObject({
    deleting: true,
    bundles: [{ name: 'web', secretName: '', names: { kind: 'invalid' } }],
  });
});
