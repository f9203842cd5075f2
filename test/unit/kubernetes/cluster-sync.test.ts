import { describe, expect, test } from 'vitest';
import { CertmanError } from '../../../src/failures/failure.ts';
import { likelySyncProblem } from '../../../src/kubernetes/objects/cluster-sync.ts';

const INSTALLED = '2026-11-01T10:00:00Z';
const cluster = { namespace: 'ns', name: 'c1' };

function problem(status: unknown, installedTime: string | undefined = INSTALLED): Promise<string> {
  const get = () => Promise.resolve({ metadata: { name: 'c1' }, status });
  return likelySyncProblem({ get }, cluster, installedTime);
}
const syncSet = (change: object) => ({
  syncSets: [
    { name: 'other', result: 'Success' },
    { name: 'c1-cp-certs', lastTransitionTime: INSTALLED, ...change },
  ],
});

describe('the likely cause of a certificate that is not served', () => {
  test('is a SyncSet that Hive cannot apply', async () => {
    const failure = { result: 'Failure', failureMessage: 'failed to apply\nsecret' };
    expect(await problem(syncSet(failure))).toBe(
      'Hive cannot apply its SyncSet c1-cp-certs: failed to apply secret. See: kubectl get clustersync c1 -n ns -o yaml',
    );
  });

  test('is a SyncSet that Hive has not applied since the installation', async () => {
    const before = { result: 'Success', lastTransitionTime: '2026-11-01T08:00:00Z' };
    expect(await problem(syncSet(before))).toContain(
      'has not applied its SyncSet c1-cp-certs since 2026-11-01T08:00:00Z',
    );
  });

  test('is the roll-out on the cluster once Hive has applied it', async () => {
    const after = { result: 'Success', lastTransitionTime: '2026-11-01T11:00:00Z' };
    expect(await problem(syncSet(after))).toContain('the cluster has not rolled it out');
  });

  test('is that there is no SyncSet, with what the condition Failed says', async () => {
    const conditions = [{ type: 'Failed', status: 'True', message: 'SyncSet x is failing' }];
    expect(await problem({ conditions })).toContain('Its condition Failed says: SyncSet x is failing.');
    expect(await problem({})).toContain('Hive has no SyncSet with the certificate');
  });

  test('is that Hive applies nothing, where there is no ClusterSync or no such kind', async () => {
    const unknown = new CertmanError({ code: 'kubernetes/notFound', message: 'no such kind' });
    for (const get of [() => Promise.resolve(undefined), () => Promise.reject(unknown)]) {
      expect(await likelySyncProblem({ get }, cluster, INSTALLED)).toContain('Hive has no ClusterSync c1');
    }
  });

  test('is unknown where certman may not read it, and only there', async () => {
    const fail = (code: 'kubernetes/forbidden' | 'kubernetes/unreachable') => () =>
      Promise.reject(new CertmanError({ code, message: 'no' }));
    expect(await likelySyncProblem({ get: fail('kubernetes/forbidden') }, cluster, INSTALLED)).toContain(
      'certman may not read ClusterSyncs',
    );
    await expect(likelySyncProblem({ get: fail('kubernetes/unreachable') }, cluster, INSTALLED)).rejects.toThrow('no');
  });

  test.each([null, 'text', { syncSets: 'x', conditions: 7 }, { syncSets: [null, 5, { name: 7 }] }])(
    'of a ClusterSync with status %j is one that says nothing wrong',
    async (status) => {
      expect(await problem(status)).toContain('Hive has no SyncSet with the certificate');
    },
  );
});
