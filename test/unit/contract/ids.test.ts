import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ClusterIdentity } from '../../../src/clusters/cluster-identity.ts';
import {
  certClusterOf,
  clusterWorkflowId,
  identityOfWorkflow,
  issuanceWorkflowId,
  isWorkflowOf,
  watchWorkflowId,
  workflowIdPrefixes,
} from '../../../src/contract/ids.ts';

/** Names of all lengths up to the most, which strings drawn at random would hardly ever have. */
const upTo = (max: number) =>
  fc
    .tuple(fc.nat(), fc.integer({ min: 1, max }))
    .map(([seed, length]) => seed.toString(36).padEnd(length, 'n').slice(0, length));

const identities = fc.record(
  {
    managementCluster: upTo(63),
    namespace: upTo(63),
    name: upTo(253),
    uid: fc.uuid(),
    kind: fc.constant('CertificateRequest' as const),
  },
  { requiredKeys: ['managementCluster', 'namespace', 'name', 'uid'] },
) as fc.Arbitrary<ClusterIdentity>;
const attempts = fc.integer({ min: 1, max: 9_999_999_999 });

const MAX_IDENTITY: ClusterIdentity = {
  managementCluster: 'h'.repeat(63),
  namespace: 's'.repeat(63),
  name: 'n'.repeat(253),
  uid: '0e4f8d2a-2b0f-4b69-9d8c-3f1f0d6f5a11',
  kind: 'CertificateRequest',
};

/** As ids were written before they were bounded. */
function wholeClusterId({ managementCluster, namespace, name, uid, kind }: ClusterIdentity): string {
  return `${kind === undefined ? 'cluster' : 'request'}/${managementCluster}/${namespace}/${name}/${uid}`;
}

function memoOf({ managementCluster, namespace, name, uid }: ClusterIdentity): Readonly<Record<string, unknown>> {
  return { managementCluster, namespace, name, uid };
}

describe('ids of workflows', () => {
  it('are never longer than what SQL-backed persistence keeps', () => {
    fc.assert(
      fc.property(identities, upTo(253), attempts, (identity, bundle, attempt) => {
        expect(clusterWorkflowId(identity).length).toBeLessThanOrEqual(255);
        expect(issuanceWorkflowId(identity, bundle, attempt).length).toBeLessThanOrEqual(255);
      }),
    );
    expect(clusterWorkflowId(MAX_IDENTITY)).toHaveLength(237);
    expect(issuanceWorkflowId(MAX_IDENTITY, MAX_IDENTITY.name, 9_999_999_999)).toHaveLength(255);
    expect(watchWorkflowId(MAX_IDENTITY.managementCluster).length).toBeLessThan(255);
  });

  it('stay what they were wherever that fits, so that running workflows keep theirs', () => {
    fc.assert(
      fc.property(identities, upTo(253), attempts, (identity, bundle, attempt) => {
        const { managementCluster, namespace, name, uid } = identity;
        const cluster = wholeClusterId(identity);
        const issuance = `issue/${managementCluster}/${namespace}/${name}/${uid}/${bundle}/${attempt}`;
        expect(clusterWorkflowId(identity) === cluster).toBe(cluster.length <= 255);
        expect(issuanceWorkflowId(identity, bundle, attempt) === issuance).toBe(issuance.length <= 255);
      }),
    );
  });

  it('change only beyond the last character that fits', () => {
    const rest = wholeClusterId({ ...MAX_IDENTITY, name: '' }).length;
    const fits = { ...MAX_IDENTITY, name: 'n'.repeat(255 - rest) };
    expect(clusterWorkflowId(fits)).toBe(wholeClusterId(fits));
    expect(clusterWorkflowId({ ...fits, name: `${fits.name}n` })).toMatch(/\/n{47}~[0-9a-f]{16}\//);
  });

  it('distinguish clusters, requests, bundles and orders, even with truncated names', () => {
    const names = ['a', 'b', 'c'].map((last) => `${'n'.repeat(252)}${last}`);
    const ids = names.flatMap((name) => {
      const request = { ...MAX_IDENTITY, name };
      const { kind: _kind, ...cluster } = request;
      const again = { ...request, uid: MAX_IDENTITY.uid.replace(/^0/, '1') };
      const orders = names.flatMap((bundle) => [1, 2].map((order) => issuanceWorkflowId(request, bundle, order)));
      return [request, cluster, again].map(clusterWorkflowId).concat(orders);
    });
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('lead back to whose they are, by the memo where a name is cut', () => {
    fc.assert(
      fc.property(identities, (identity) => {
        const workflow = { workflowId: clusterWorkflowId(identity), memo: memoOf(identity) };
        expect(identityOfWorkflow(identity.managementCluster, workflow)).toEqual(identity);
        expect(identityOfWorkflow(`${identity.managementCluster}-2`, workflow)).toBeUndefined();
      }),
    );
  });

  it('lead nowhere when a name is cut and the memo has none, or another’s', () => {
    const workflowId = clusterWorkflowId(MAX_IDENTITY);
    const other = memoOf({ ...MAX_IDENTITY, name: `${MAX_IDENTITY.name.slice(1)}o` });
    for (const memo of [undefined, {}, { name: 7 }, other]) {
      expect(identityOfWorkflow(MAX_IDENTITY.managementCluster, { workflowId, memo })).toBeUndefined();
    }
  });

  it('are found by the name of the cluster, whatever its uid', () => {
    fc.assert(
      fc.property(identities, (identity) => {
        const id = clusterWorkflowId(identity);
        expect(
          workflowIdPrefixes(identity.managementCluster, identity).some((beginning) => id.startsWith(beginning)),
        ).toBe(true);
      }),
    );
    expect(workflowIdPrefixes('mc', { namespace: 'ns', name: 'demo' })).toEqual([
      'cluster/mc/ns/demo/',
      'request/mc/ns/demo/',
    ]);
  });
});

it('workflows belong to the management cluster in their ids, and to no other whose name begins like it', () => {
  const cluster = { ...MAX_IDENTITY, managementCluster: 'hive-1' };
  const ids = [
    watchWorkflowId('hive-1'),
    clusterWorkflowId(cluster),
    clusterWorkflowId({ ...cluster, kind: undefined }),
    issuanceWorkflowId(cluster, 'primary', 1),
  ];
  for (const id of ids) {
    expect(isWorkflowOf('hive-1', id)).toBe(true);
    for (const other of ['hive', 'hive-10', 'hive-2']) expect(isWorkflowOf(other, id)).toBe(false);
  }
  expect(isWorkflowOf('hive-1', 'by-hand')).toBe(false);
});

it('CertCluster is namespace and name, as much of them as a Keyword may have', () => {
  expect(certClusterOf({ namespace: 'ns', name: 'demo' })).toBe('ns/demo');
  expect(certClusterOf(MAX_IDENTITY)).toBe(`${MAX_IDENTITY.namespace}/${'n'.repeat(191)}`);
});
