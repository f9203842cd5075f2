import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { clusterFromKubernetes, fleetFromKubernetes } from '../../../src/cli/status/from-kubernetes.ts';
import { CertmanError } from '../../../src/failures/failure.ts';
import type { KubernetesApi, KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';

const SETTINGS = { managementCluster: 'hive', extraRecord: undefined, standaloneRequests: 'on' } as const;

/** An API server without Hive. */
function withoutHive(requests: readonly KubernetesObject[]): KubernetesApi {
  return {
    get: () => Promise.reject(new CertmanError({ code: 'kubernetes/notFound', message: 'No such kind.' })),
    list: () => Readable.from(requests),
  } as unknown as KubernetesApi;
}

test('a standalone CertificateRequest is found where Hive is not installed', async () => {
  const request = { metadata: { namespace: 'ns', name: 'alone', uid: 'u' }, spec: {} };
  const report = await clusterFromKubernetes(withoutHive([request]), SETTINGS, { namespace: 'ns', name: 'alone' });
  expect(report).toMatchObject({ cluster: 'ns/alone', kind: 'CertificateRequest' });
});

test('what is not there is not there, also without Hive', async () => {
  expect(await clusterFromKubernetes(withoutHive([]), SETTINGS, { namespace: 'ns', name: 'x' })).toBeUndefined();
});

test('what an operator has requested is read from the conditions', async () => {
  const conditions = [
    { type: 'Renewing', status: 'False', reason: 'Requested', message: 'An operator requested a renewal.' },
    { type: 'Revoked', status: 'False', reason: 'NotRevoked', message: 'No CRL has it.' },
  ];
  const request = { metadata: { namespace: 'ns', name: 'alone', uid: 'u' }, spec: {}, status: { conditions } };
  const report = await clusterFromKubernetes(withoutHive([request]), SETTINGS, { namespace: 'ns', name: 'alone' });
  expect(report?.certificates[0]?.requests).toEqual(['An operator requested a renewal.']);
});

test.each(['Frozen', 'RestartBudget', 'Requested', 'RequestExpired'])(
  'the fleet shows why a renewal waits: %s',
  async (reason) => {
    const conditions = [
      { type: 'Ready', status: 'True', reason: 'Issued', message: 'It is valid.' },
      { type: 'Renewing', status: 'False', reason, message: 'It waits.' },
    ];
    const request = { metadata: { namespace: 'ns', name: 'alone', uid: 'u' }, spec: {}, status: { conditions } };
    const { clusters } = await fleetFromKubernetes(withoutHive([request]));
    expect(clusters).toMatchObject([{ cluster: 'ns/alone', state: 'Ready', reason }]);
  },
);

test('the fleet has what was requested beside a failure, and the other certificates of a cluster', async () => {
  const owner = {
    apiVersion: 'hive.openshift.io/v1',
    kind: 'ClusterDeployment',
    name: 'c1',
    uid: 'c',
    controller: true,
  };
  const request = (name: string, conditions: readonly object[]) => ({
    metadata: { namespace: 'ns', name: `c1-${name}`, uid: name, ownerReferences: [owner] },
    spec: {},
    status: { conditions },
  });
  const failing = (reason: string) => ({ type: 'Failing', status: 'True', reason, message: 'It fails.' });
  const requested = { type: 'Renewing', status: 'False', reason: 'Requested', message: 'An operator requested it.' };
  const revoking = { type: 'Revoked', status: 'False', reason: 'RevocationRequested', message: 'It is revoked soon.' };
  const ready = { type: 'Ready', status: 'True', reason: 'Issued', message: 'It is valid.' };
  const { clusters } = await fleetFromKubernetes(
    withoutHive([
      request('apps', [ready, failing('AcmeUnreachable')]),
      request('api', [failing('DnsNotDelegated'), requested]),
      request('other', [ready, revoking]),
      request('rest', [ready]),
    ]),
  );
  expect(clusters).toMatchObject([
    {
      cluster: 'ns/c1',
      state: 'Failing',
      reason: expect.stringMatching(/^(AcmeUnreachable|DnsNotDelegated)$/) as string,
    },
  ]);
  const texts = (clusters[0]?.also ?? []).map(({ bundle, reason }) => `${bundle} ${reason}`);
  const hidden = clusters[0]?.reason === 'DnsNotDelegated' ? 'apps AcmeUnreachable' : 'api DnsNotDelegated';
  expect(texts.sort()).toEqual(['api Requested', hidden, 'other RevocationRequested'].sort());

  const many = Array.from({ length: 12 }, (_, index) => request(`b${index}`, [ready, revoking]));
  const [row] = (await fleetFromKubernetes(withoutHive(many))).clusters;
  expect(row?.also).toHaveLength(10);
});
