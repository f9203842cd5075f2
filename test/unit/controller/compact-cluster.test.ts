import * as fc from 'fast-check';
import { expect, onTestFinished, test, vi } from 'vitest';
import { SharedValues } from '../../../src/cache/shared-values.ts';
import { type CachedCluster, toCachedCluster } from '../../../src/clusters/cached-cluster.ts';
import { CompactCluster, hasSecret } from '../../../src/controller/compact-cluster.ts';
import { CompactRequest } from '../../../src/kubernetes/objects/compact-request.ts';
import { observeRequest } from '../../../src/kubernetes/objects/observed-request.ts';
import { clusterView } from '../../support/workflows/cluster-views.ts';

const text = fc.string({ unit: 'binary', maxLength: 40 });
const optionalText = fc.option(text, { nil: undefined });
const certificate = fc.record({ bundleName: text, requestName: text, secretName: text });

const cluster: fc.Arbitrary<CachedCluster> = fc.record({
  kind: fc.constantFrom(undefined, 'CertificateRequest'),
  namespace: text,
  name: text,
  uid: text,
  digest: optionalText,
  gate: fc.constantFrom('serve', 'handsOff', 'decommission'),
  reason: fc.constantFrom(undefined, 'NotManaged'),
  finalizer: fc.boolean(),
  limitedSupport: fc.boolean(),
  served: fc.boolean(),
  certificates: fc.array(certificate, { maxLength: 3 }),
  credentialsSecret: optionalText,
  endpoints: fc.constantFrom(undefined, { notProbed: 'Hibernating', apiPort: 6443 }, { apiPort: 7443 }),
} satisfies { readonly [Field in keyof Required<CachedCluster>]: fc.Arbitrary<CachedCluster[Field]> });

function fieldsOf(expected: CachedCluster, from: CachedCluster): object {
  return Object.fromEntries(Object.keys(expected).map((field) => [field, from[field as keyof CachedCluster]]));
}

test('a cached cluster keeps every field', () => {
  fc.assert(
    fc.property(cluster, (cached) => {
      expect(fieldsOf(cached, new CompactCluster(cached))).toEqual(cached);
    }),
    { numRuns: 200 },
  );
});

test('a cached cluster that has become served differs in that alone', () => {
  fc.assert(
    fc.property(cluster, (cached) => {
      const served = new CompactCluster(new CompactCluster(cached), { served: true });
      expect(fieldsOf(cached, served)).toEqual({ ...cached, served: true });
    }),
    { numRuns: 50 },
  );
});

test('a cached cluster has the Secrets of its certificates, and no others', () => {
  fc.assert(
    fc.property(cluster, text, (cached, other) => {
      const compact = new CompactCluster(cached);
      const { certificates } = cached;
      const texts = certificates.flatMap(({ bundleName, requestName, secretName }) => [
        bundleName,
        requestName,
        secretName,
      ]);
      for (const name of [other, ...texts]) {
        const isOwn = certificates.some(({ secretName }) => secretName === name);
        expect([hasSecret(compact, name), hasSecret(cached, name)]).toEqual([isOwn, isOwn]);
      }
    }),
    { numRuns: 100 },
  );
});

const cachedOne = toCachedCluster(undefined, clusterView());
const requestOne = observeRequest({ metadata: { namespace: 'ns', name: 'r', uid: 'u' } });
const platformOf = (credentialsSecret: string) =>
  ({ kind: 'aws', region: 'us-east-1', sts: false, credentialsSecret }) as const;

test.each([
  ['clusters', (credentialsSecret: string) => new CompactCluster({ ...cachedOne, credentialsSecret })],
  ['requests', (name: string) => new CompactRequest({ ...requestOne, platform: platformOf(name) })],
])('cached %s share fields although the credentials Secret of each has a name of its own', (_what, make) => {
  const shared = vi.spyOn(SharedValues.prototype, 'getByFields');
  onTestFinished(() => shared.mockRestore());
  for (const name of ['c1-aws', 'c2-aws', 'c3-aws']) make(name);
  expect(shared).toHaveBeenCalledTimes(3);
  expect(new Set(shared.mock.results.map(({ value }) => value))).toHaveLength(1);
});
