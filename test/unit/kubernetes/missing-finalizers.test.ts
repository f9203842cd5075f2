import { describe, expect, test } from 'vitest';
import type { ClusterView } from '../../../src/clusters/cluster-view.ts';
import { MissingFinalizers } from '../../../src/kubernetes/objects/missing-finalizers.ts';
import { clusterView } from '../../support/workflows/cluster-views.ts';

const ASKED = ['primary'];
const view = clusterView({ resourceVersion: '7' });

/** What is taken of the cluster after these changes, one after the other. */
function takenAfter(...changes: readonly Partial<ClusterView>[]): string | undefined {
  const missing = new MissingFinalizers();
  for (const change of changes) missing.observe({ ...view, ...change });
  return missing.take(view.identity, ASKED);
}

describe('MissingFinalizers', () => {
  test('has the newest resourceVersion of a served cluster without the finalizer', () => {
    expect(takenAfter({})).toBe('7');
    expect(takenAfter({}, { resourceVersion: '9' })).toBe('9');
  });

  test.each<Partial<ClusterView>>([
    { finalizer: true },
    { deleting: true },
    { managed: false },
    { fake: true },
    { installed: false },
    { paused: true },
    { relocation: 'outgoing' },
    { resourceVersion: undefined },
    { identity: { ...view.identity, kind: 'CertificateRequest' } },
  ])('forgets a cluster that has become %j', (change) => {
    expect(takenAfter({}, change)).toBeUndefined();
  });

  test('has nothing of a cluster that was not observed, is deleted, or was taken before', () => {
    const missing = new MissingFinalizers();
    expect(missing.take(view.identity, ASKED)).toBeUndefined();
    missing.observe(view);
    missing.forget(view.identity);
    expect(missing.take(view.identity, ASKED)).toBeUndefined();
    missing.observe(view);
    expect(missing.take(view.identity, ASKED)).toBe('7');
    expect(missing.take(view.identity, ASKED)).toBeUndefined();
  });

  test('has nothing once the watch has ended', () => {
    const missing = new MissingFinalizers();
    missing.observe(view);
    missing.clear();
    expect(missing.take(view.identity, ASKED)).toBeUndefined();
  });

  test('has nothing for bundles that the cluster does not ask for', () => {
    const missing = new MissingFinalizers();
    missing.observe(view);
    expect(missing.take(view.identity, ['other'])).toBeUndefined();
    expect(missing.take(view.identity, ['other', 'primary'])).toBe('7');
  });

  test('keeps a bounded number, of which each is still updated', () => {
    const missing = new MissingFinalizers();
    const views = Array.from({ length: 5_000 }, () => clusterView({ resourceVersion: '1' }));
    for (const one of views) missing.observe(one);
    const [first, last] = [views[0], views.at(-1)] as [ClusterView, ClusterView];
    missing.observe({ ...first, resourceVersion: '2' });
    expect(missing.take(first.identity, ASKED)).toBe('2');
    expect(missing.take(last.identity, ASKED)).toBeUndefined();
  });
});
