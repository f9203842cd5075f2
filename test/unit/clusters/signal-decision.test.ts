import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toCachedCluster } from '../../../src/clusters/cached-cluster.ts';
import type { ClusterView } from '../../../src/clusters/cluster-view.ts';
import { decideSignal } from '../../../src/clusters/signal-decision.ts';
import { bundleView, clusterView } from '../../support/workflows/cluster-views.ts';

/** What is decided about the last of a series of states, each dealt with in turn. */
function decisions(...views: readonly ClusterView[]): readonly string[] {
  let known: ReturnType<typeof toCachedCluster> | undefined;
  return views.map((view) => {
    const { kind } = decideSignal(known, view);
    known = toCachedCluster(known, view);
    return kind;
  });
}

describe('decideSignal', () => {
  const served = clusterView();
  const finalized = { ...served, finalizer: true };

  it('signals a new cluster once, and not again while nothing changes', () => {
    expect(decisions(served, served, served)).toEqual(['observed', 'nothing', 'nothing']);
  });

  it('signals a standalone request where none is served: its workflow says so in the status', () => {
    const off = { ...served, standaloneRequestsOff: true } as const;
    expect(decisions(off, off, served)).toEqual(['observed', 'nothing', 'observed']);
  });

  it('does not signal certman’s own finalizer', () => {
    expect(decisions(served, finalized)).toEqual(['observed', 'nothing']);
  });

  it('signals every change of a served cluster', () => {
    const changed = { ...finalized, bundles: [bundleView(), bundleView('second')] };
    expect(decisions(finalized, changed, { ...changed, paused: true }, changed)).toEqual(Array(4).fill('observed'));
  });

  it('signals a finalizer that another removed', () => {
    expect(decisions(served, finalized, served)).toEqual(['observed', 'nothing', 'finalizerLost']);
  });

  it('does not signal the removal of the finalizer after decommissioning', () => {
    expect(decisions(finalized, { ...finalized, deleting: true }, { ...served, deleting: true })).toEqual([
      'observed',
      'observed',
      'nothing',
    ]);
  });

  it('signals the deletion of a served cluster without a finalizer', () => {
    expect(decisions(served, { ...served, deleting: true })).toEqual(['observed', 'observed']);
  });

  it('signals a deletion that is observed first when the finalizer is there', () => {
    expect(decisions({ ...finalized, deleting: true })).toEqual(['observed']);
  });

  it.each<[string, Partial<ClusterView>]>([
    ['closed by the label', { managed: false }],
    ['fake', { fake: true }],
    ['moving out', { relocation: 'outgoing' }],
    ['paused', { paused: true }],
    ['not installed', { installed: false }],
  ])('signals the deletion of a cluster with finalizer that is %s: gates do not delay it', (_name, gate) => {
    expect(decisions({ ...finalized, ...gate, deleting: true })).toEqual(['observed']);
  });

  it.each<[string, Partial<ClusterView>]>([
    ['not installed', { installed: false }],
    ['fake', { fake: true }],
    ['without bundles to generate', { bundles: [] }],
    ['paused from the beginning', { paused: true }],
    ['being deleted and never served', { deleting: true }],
  ])('does not signal a cluster that is %s', (_name, change) => {
    expect(decisions({ ...served, ...change })).toEqual(['nothing']);
  });

  it('signals a cluster once it is installed', () => {
    expect(decisions({ ...served, installed: false }, served)).toEqual(['nothing', 'observed']);
  });

  it('explains an unmanaged, installed cluster once, and again after it was managed', () => {
    const unmanaged = clusterView({ managed: false });
    const other = { ...unmanaged, apiURL: 'https://api.example.com' };
    expect(decisions(unmanaged, unmanaged, other, { ...other, fake: true }, other)).toEqual([
      'explain',
      'nothing',
      'nothing',
      'nothing',
      'explain',
    ]);
    expect(decideSignal(undefined, unmanaged)).toMatchObject({ reason: 'NotManaged' });
  });

  it('signals a served cluster that loses its label instead of explaining it: its workflow reports why', () => {
    expect(decisions(served, { ...served, managed: false })).toEqual(['observed', 'observed']);
  });

  it('treats a re-created cluster as another', () => {
    const again = { ...served, identity: { ...served.identity, uid: 'another' } };
    expect(decisions(served, again, again)).toEqual(['observed', 'observed', 'nothing']);
    expect(decisions(finalized, { ...again, deleting: true })).toEqual(['observed', 'nothing']);
  });

  it('signals a state again that Temporal did not take, also once it was signalled another before', () => {
    const refused = toCachedCluster(toCachedCluster(undefined, served), { ...finalized, paused: true }, false);
    expect(decideSignal(refused, { ...finalized, paused: true })).toEqual({ kind: 'observed' });
    expect(decideSignal(refused, finalized)).toEqual({ kind: 'observed' });
    expect(refused).toMatchObject({ gate: 'handsOff', finalizer: true, served: true });
  });

  it('signals a served cluster that loses its last bundle', () => {
    expect(decisions(served, { ...served, bundles: [] })).toEqual(['observed', 'observed']);
  });

  it('never signals the same state twice', () => {
    const state = fc.record({
      deleting: fc.boolean(),
      installed: fc.boolean(),
      managed: fc.boolean(),
      fake: fc.boolean(),
      paused: fc.boolean(),
      finalizer: fc.boolean(),
      relocation: fc.constantFrom('none' as const, 'outgoing' as const, 'malformed' as const),
      bundles: fc.constantFrom([], [bundleView()]),
    });
    fc.assert(
      fc.property(fc.array(state, { minLength: 1, maxLength: 5 }), (changes) => {
        const views = changes.map((change) => ({ ...served, ...change }));
        const last = views.at(-1) ?? served;
        expect(decisions(...views, last).at(-1)).toBe('nothing');
      }),
    );
  });
});
