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
