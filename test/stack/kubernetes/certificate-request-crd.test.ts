import { describe, expect, test } from 'vitest';
import { readManifests } from '../../../local/stack/management-cluster/manifests.ts';
import { observeRequest } from '../../../src/kubernetes/objects/observed-request.ts';
import { standaloneView } from '../../../src/kubernetes/objects/request-views.ts';
import { CERTIFICATE_REQUESTS } from '../../../src/kubernetes/objects/resources.ts';
import { useManagementCluster } from '../../support/kubernetes/management-cluster.ts';

const managementCluster = useManagementCluster();

const spec = {
  acmeDNSDomain: 'example.com',
  certificateSecret: { name: 'primary-cert' },
  dnsNames: ['api.c1.example.com', '*.apps.c1.example.com'],
  email: 'sre@example.com',
  platform: { aws: { credentials: { name: 'aws' }, region: 'us-east-1' } },
};

const create = async (changed: object) =>
  managementCluster().admin.create(CERTIFICATE_REQUESTS, {
    metadata: { namespace: await managementCluster().namespace(), name: 'c1-primary' },
    spec: { ...spec, ...changed },
  });

describe('an object of certman-operator', () => {
  test('is accepted unchanged, with its status', async () => {
    const namespace = await managementCluster().namespace();
    const key = { namespace, name: 'c1-primary' };
    await managementCluster().admin.create(CERTIFICATE_REQUESTS, {
      metadata: key,
      spec: {
        ...spec,
        certificateSecret: { kind: 'Secret', namespace, name: 'primary-cert' },
        dnsNames: ['api.c1.example.com', 'api.c1.example.com', 'API.apps.c1.example.com'],
        platform: { gcp: { credentials: { name: 'gcp' } } },
        renewBeforeDays: -1,
        apiURL: 'https://api.c1.example.com:6443',
        webConsoleURL: 'https://console.apps.c1.example.com',
      },
    });
    const status = {
      issued: true,
      status: 'Error',
      notBefore: '2026-01-01 00:00:00 +0000 UTC',
      notAfter: '2026-04-01 00:00:00 +0000 UTC',
      issuerName: 'R11',
      serialNumber: '400000000000000000000000000000000000',
      conditions: [
        {
          type: 'acme error',
          status: 'Error',
          reason: 'NewOrder',
          message: 'it failed',
          lastProbeTime: '2026-01-01T00:00:00Z',
          lastTransitionTime: null,
        },
      ],
    };
    const written = await managementCluster().admin.apply(
      CERTIFICATE_REQUESTS,
      { metadata: key, status },
      { subresource: 'status' },
    );
    expect(written['status']).toMatchObject({ ...status, conditions: [{ type: 'acme error', status: 'Error' }] });
    const found = await managementCluster().admin.get(CERTIFICATE_REQUESTS, key);
    expect(found?.['spec']).toMatchObject({ renewBeforeDays: -1, platform: { gcp: { credentials: { name: 'gcp' } } } });
  });

  test('keeps every field of status that certman reports', async () => {
    const key = { namespace: await managementCluster().namespace(), name: 'c1-primary' };
    await managementCluster().admin.create(CERTIFICATE_REQUESTS, { metadata: key, spec });
    const status = {
      state: 'Failing',
      renewalTime: '2026-05-01T00:00:00Z',
      nextAttempt: '2026-05-01T00:00:00Z',
      failedAttempts: 3,
      workflowID: 'cluster/hive/ns/c1/uid',
      acmeServer: 'acme-v02.api.letsencrypt.org',
      certID: 'aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE',
      crlURL: 'http://r99.c.lencr.org/7.crl',
      suggestedWindow: {
        start: '2026-05-01T00:00:00Z',
        end: '2026-05-03T00:00:00Z',
        explanationURL: 'https://ca.example/incident/7',
      },
    };
    const applied = await managementCluster().admin.apply(
      CERTIFICATE_REQUESTS,
      { metadata: key, status },
      { subresource: 'status' },
    );
    expect(applied['status']).toEqual(status);
  });
});

test('invalid names are replaced by namesProblem', async () => {
  const { dnsNames: _none, ...rest } = spec;
  const created = await managementCluster().admin.create(CERTIFICATE_REQUESTS, {
    metadata: { namespace: await managementCluster().namespace(), name: 'c1-primary' },
    spec: { ...rest, namesProblem: 'The bundle has no names.' },
  });
  expect(created).toBeDefined();
});

test.each([
  ['no names', { dnsNames: [] }, 'spec.dnsNames'],
  ['no dnsNames and no reason', { dnsNames: undefined }, 'dnsNames is required, with 1 to 100 names'],
  ['101 names', { dnsNames: Array.from({ length: 101 }, (_, index) => `n${index}.example.com`) }, 'spec.dnsNames'],
  ['a name with an underscore', { dnsNames: ['a_b.example.com'] }, 'spec.dnsNames[0]'],
  ['a wildcard inside', { dnsNames: ['a.*.example.com'] }, 'spec.dnsNames[0]'],
  ['a label of 64 characters', { dnsNames: [`${'a'.repeat(64)}.example.com`] }, 'spec.dnsNames[0]'],
  ['a single label', { dnsNames: ['localhost'] }, 'spec.dnsNames[0]'],
  ['no zone', { acmeDNSDomain: '' }, 'spec.acmeDNSDomain'],
  ['no Secret', { certificateSecret: {} }, 'spec.certificateSecret.name'],
  ['a Secret in capitals', { certificateSecret: { name: 'My-Cert' } }, 'spec.certificateSecret.name'],
  ['no e-mail address', { email: 'nobody' }, 'spec.email'],
  ['no platform', { platform: undefined }, 'spec.platform'],
  [
    'two platforms',
    { platform: { aws: spec.platform.aws, gcp: { credentials: { name: 'x' } } } },
    'only one of aws, azure and gcp',
  ],
  ['half a day', { renewBeforeDays: 0.5 }, 'spec.renewBeforeDays'],
])('a request with %s is rejected, with the field', async (_name, changed, field) => {
  await expect(create(changed)).rejects.toMatchObject({
    code: 'kubernetes/invalid',
    message: expect.stringContaining(field),
  });
});

test('the example of a standalone request is accepted, with the intended values', async () => {
  const [example] = await readManifests('examples/certificate-request.yaml');
  if (example === undefined) throw new Error('there is no example');
  const namespace = await managementCluster().namespace();
  const made = await managementCluster().admin.create(CERTIFICATE_REQUESTS, {
    ...example,
    metadata: { ...example.metadata, namespace },
  });
  if (made === undefined) throw new Error('not made');
  expect(standaloneView({ managementCluster: 'hive' }, observeRequest(made))).toMatchObject({
    zoneName: 'example.com',
    platform: { kind: 'aws', region: 'us-east-1', credentialsSecret: 'aws' },
    bundles: [
      { secretName: 'web-cert', names: { kind: 'valid', dnsNames: ['www.example.com', '*.apps.example.com'] } },
    ],
  });
  expect(observeRequest(made).renewBeforeDays).toBe(30);
});
