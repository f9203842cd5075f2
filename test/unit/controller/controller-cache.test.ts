import { expect, onTestFinished, test, vi } from 'vitest';
import { toCachedCluster } from '../../../src/clusters/cached-cluster.ts';
import { CompactCluster } from '../../../src/controller/compact-cluster.ts';
import { ControllerCache } from '../../../src/controller/controller-cache.ts';
import { observeRequest } from '../../../src/kubernetes/objects/observed-request.ts';
import { clusterView } from '../../support/workflows/cluster-views.ts';

const request = (namespace: string, name: string, uid = 'u') => observeRequest({ metadata: { namespace, name, uid } });

/** A few are kept as a list, more as a Map. */
test.each([1, 2, 8, 9, 30])('%i requests of one namespace are found, replaced and deleted', (count) => {
  const { requests } = new ControllerCache();
  const names = Array.from({ length: count }, (_, index) => `r${index}`);
  for (const name of names) requests.set(request('a', name));
  requests.set(request('b', 'r0'));
  expect(Array.from(requests.in('a'), ({ name }) => name)).toEqual(names);
  requests.set(request('a', 'r0', 'u2'));
  expect(requests.get({ namespace: 'a', name: 'r0' })?.uid).toBe('u2');
  expect(requests.find('b/r0')?.uid).toBe('u');
  for (const name of names) requests.delete({ namespace: 'a', name });
  expect(requests.get({ namespace: 'a', name: 'r0' })).toBeUndefined();
  expect(Array.from(requests.all(), ({ namespace }) => namespace)).toEqual(['b']);
});

test('the certificate of a request is found without a search of the clusters in its namespace', () => {
  const cache = new ControllerCache();
  const status = { issued: true, notAfter: '2026-12-01T00:00:00Z' };
  const owner = { apiVersion: 'hive.openshift.io/v1', kind: 'ClusterDeployment', controller: true };
  const names = Array.from({ length: 100 }, (_, index) => `c${index}`);
  for (const name of names) {
    const identity = { managementCluster: 'hive', namespace: 'a', name, uid: `uid-${name}` };
    cache.setCluster(toCachedCluster(undefined, clusterView({ identity, finalizer: true })));
    const ownerReferences = [{ ...owner, name, uid: identity.uid }];
    const metadata = { namespace: 'a', name: `${name}-primary`, uid: `request-${name}`, ownerReferences };
    cache.requests.set(observeRequest({ metadata, status }));
  }
  const looks = vi.spyOn(CompactCluster.prototype, 'served', 'get');
  onTestFinished(() => looks.mockRestore());
  const found = names.map((name) => cache.certificateInUse(`a/${name}-primary`, Date.parse('2026-11-01T00:00:00Z')));
  expect(found.map((certificate) => certificate?.cluster.name)).toEqual(names);
  expect(looks).toHaveBeenCalledTimes(names.length);
});
