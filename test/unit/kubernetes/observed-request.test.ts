import { expect, test } from 'vitest';
import type { KubernetesApi, KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { listCertificateRequests, observeRequest } from '../../../src/kubernetes/objects/observed-request.ts';
import { clusterViewOfOrphans } from '../../../src/kubernetes/objects/request-views.ts';

const SPEC = {
  acmeDNSDomain: 'example.com',
  certificateSecret: { name: 'primary-cert' },
  dnsNames: ['api.c1.example.com'],
  email: 'sre@example.com',
  platform: { aws: { region: 'us-east-1', credentials: { name: 'aws' } } },
};

function request(change: { spec?: unknown; status?: unknown; metadata?: object } = {}): KubernetesObject {
  return {
    metadata: {
      name: 'c1-primary',
      namespace: 'ns',
      uid: 'r1',
      ownerReferences: [{ apiVersion: 'hive.openshift.io/v1', kind: 'ClusterDeployment', name: 'c1', uid: 'u1' }],
      ...change.metadata,
    },
    spec: change.spec ?? SPEC,
    status: change.status,
  };
}

test('invalid fields count as absent', () => {
  expect(observeRequest(request({ spec: { dnsNames: 'x', platform: 7 }, status: [] }))).toMatchObject({
    dnsNames: [],
    secretName: '',
    issued: false,
    platform: { kind: 'unsupported' },
  });
});

test.each([
  ['a certID that could not stand in a URL', { certID: '../../directory' }],
  ['a certID of one part', { certID: 'AQ' }],
  ['a certID without end', { certID: `${'A'.repeat(300)}.AQ` }],
  ['a window without a certificate', { suggestedWindow: { start: 'a', end: 'b' } }],
])('%s counts as absent', (_what, status) => {
  const observed = observeRequest(request({ status }));
  expect(observed.certId).toBeUndefined();
  expect(observed.suggestedWindow).toBeUndefined();
});

test.each(['file:///etc/passwd', 'http://user@ca.example/1.crl', 7])('a crlURL of %j counts as absent', (crlURL) => {
  expect(observeRequest(request({ status: { crlURL } })).crlUrl).toBeUndefined();
});

test.each([{ start: '2026-05-02T00:00:00Z' }, 'tomorrow', { start: 1, end: 2 }])(
  'a suggested window of %j is as if absent',
  (suggestedWindow) => {
    const observed = observeRequest(request({ status: { certID: 'AQ.AQ', suggestedWindow } }));
    expect(observed.certId).toBe('AQ.AQ');
    expect(observed.suggestedWindow).toBeUndefined();
  },
);

test('orphaned requests of one owner give a view of their cluster', () => {
  const second = request({
    spec: { ...SPEC, certificateSecret: { name: 'second-cert' } },
    metadata: { name: 'c1-second' },
  });
  expect(clusterViewOfOrphans('mc-1', [observeRequest(request()), observeRequest(second)])).toMatchObject({
    identity: { managementCluster: 'mc-1', namespace: 'ns', name: 'c1', uid: 'u1' },
    deleting: true,
    zoneName: 'example.com',
    platform: { kind: 'aws', credentialsSecret: 'aws' },
    bundles: [
      { name: 'primary', secretName: 'primary-cert' },
      { name: 'second', secretName: 'second-cert' },
    ],
  });
  expect(
    clusterViewOfOrphans('mc-1', [observeRequest(request({ metadata: { ownerReferences: [] } }))]),
  ).toBeUndefined();
});

test('orphaned requests that are not named after their cluster keep their own names', () => {
  const orphans = ['c1-web', 'web'].map((name) => observeRequest(request({ metadata: { name } })));
  expect(clusterViewOfOrphans('mc-1', orphans)?.bundles).toMatchObject([
    { name: 'web' },
    { name: 'CertificateRequest web', requestName: 'web' },
  ]);
  expect(clusterViewOfOrphans('mc-1', orphans)?.bundles[0]).not.toHaveProperty('requestName');
});

test('an orphaned request with an invalid Secret name has no Secret', () => {
  const orphan = observeRequest(request({ spec: { ...SPEC, certificateSecret: { name: '../configmaps/x' } } }));
  expect(clusterViewOfOrphans('mc-1', [orphan])?.bundles).toMatchObject([{ secretName: '' }]);
});

test.each([
  ['a name that no object has', { name: 'c1/../c2', uid: 'u1' }],
  ['a uid that would make ids of workflows too long', { name: 'c1', uid: 'u'.repeat(37) }],
  ['a uid with a slash', { name: 'c1', uid: 'u/1' }],
])('an owner with %s does not count: a user invented it', (_what, owner) => {
  const ownerReferences = [{ apiVersion: 'hive.openshift.io/v1', kind: 'ClusterDeployment', ...owner }];
  expect(observeRequest(request({ metadata: { ownerReferences } })).owner).toBeUndefined();
});

test('a ClusterDeployment of another API group is no owner', () => {
  const ownerReferences = [{ apiVersion: 'example.com/v1', kind: 'ClusterDeployment', name: 'c1', uid: 'u1' }];
  expect(observeRequest(request({ metadata: { ownerReferences } })).owner).toBeUndefined();
});

test.each([
  ['of no known state', { state: 'Odd' }, undefined],
  ['ready', { state: 'Ready' }, { state: 'Ready', reason: 'NoFailure' }],
  [
    'failing',
    { state: 'Failing', conditions: [{ type: 'Failing', status: 'True', reason: 'DnsAccessDenied' }] },
    { state: 'Failing', reason: 'DnsAccessDenied' },
  ],
  [
    'paused after a failure',
    {
      state: 'Paused',
      conditions: [
        { type: 'Failing', status: 'True', reason: 'DnsAccessDenied' },
        { type: 'Paused', status: 'True', reason: 'ReconcilePaused' },
      ],
    },
    { state: 'Paused', reason: 'ReconcilePaused' },
  ],
  [
    'failing for a reason of another writer',
    { state: 'Failing', conditions: [7, { type: 'Failing', status: 'True', reason: 'x'.repeat(900) }] },
    { state: 'Failing', reason: 'Other' },
  ],
])('the state of a request that is %s', (_what, status, expected) => {
  expect(observeRequest(request({ status })).state).toEqual(expected);
});

test('a list returns what is known of a request whose resourceVersion is the same, and reads the others', async () => {
  const object = (name: string, resourceVersion?: string, uid = 'r1') =>
    request({ metadata: { name, uid, resourceVersion } });
  const before = ['same', 'changed', 'created-again'].map((name) => observeRequest(object(name, '7')));
  const listed = [object('same', '7'), object('changed', '8'), object('created-again', '7', 'r2'), object('new')];
  const kubernetes = {
    list: async function* list() {
      yield* listed;
    },
  } as Partial<KubernetesApi> as KubernetesApi;
  const known = ({ namespace, name }: { readonly namespace: string; readonly name: string }) =>
    before.find((one) => one.namespace === namespace && one.name === name);
  const requests = await listCertificateRequests(kubernetes, { known });
  expect(requests.map((one) => before.includes(one))).toEqual([true, false, false, false]);
  expect(requests).toEqual(listed.map((one) => observeRequest(one)));
});
