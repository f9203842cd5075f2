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

describe('whatToSignal', () => {
  const served = clusterView();
  const finalized = { ...served, finalizer: true };

  it('tells of a cluster to be served once, and no more while nothing changes', () => {
    expect(decisions(served, served, served)).toEqual(['observed', 'nothing', 'nothing']);
  });

  it('does not tell of our own finalizer', () => {
    expect(decisions(served, finalized)).toEqual(['observed', 'nothing']);
  });

  it('tells of every change of a served cluster', () => {
    const changed = { ...finalized, bundles: [bundleView(), bundleView('second')] };
    expect(decisions(finalized, changed, { ...changed, paused: true }, changed)).toEqual(Array(4).fill('observed'));
  });

  it('tells of a finalizer that somebody took off', () => {
    expect(decisions(served, finalized, served)).toEqual(['observed', 'nothing', 'finalizerLost']);
  });

  it('has nothing to tell when the finalizer is released at the end', () => {
    expect(decisions(finalized, { ...finalized, deleting: true }, { ...served, deleting: true })).toEqual([
      'observed',
      'observed',
      'nothing',
    ]);
  });

  it('tells of the deletion of a cluster that was served and has no finalizer yet', () => {
    expect(decisions(served, { ...served, deleting: true })).toEqual(['observed', 'observed']);
  });

  it('tells of a deletion seen for the first time when our finalizer holds it', () => {
    expect(decisions({ ...finalized, deleting: true })).toEqual(['observed']);
  });

  it.each<[string, Partial<ClusterView>]>([
    ['closed by the label', { managed: false }],
    ['fake', { fake: true }],
    ['moving out', { relocation: 'outgoing' }],
    ['paused', { paused: true }],
    ['not installed', { installed: false }],
  ])('tells of the deletion of a finalized cluster that is %s: the gates must not hold it up', (_name, gate) => {
    expect(decisions({ ...finalized, ...gate, deleting: true })).toEqual(['observed']);
  });

  it.each<[string, Partial<ClusterView>]>([
    ['not installed', { installed: false }],
    ['fake', { fake: true }],
    ['without bundles to generate', { bundles: [] }],
    ['paused from the beginning', { paused: true }],
    ['being deleted and never served', { deleting: true }],
  ])('has nothing to tell of a cluster that is %s', (_name, change) => {
    expect(decisions({ ...served, ...change })).toEqual(['nothing']);
  });

  it('tells of a cluster once it is installed', () => {
    expect(decisions({ ...served, installed: false }, served)).toEqual(['nothing', 'observed']);
  });

  it('explains an unmanaged, installed cluster once, and again only when it has become unmanaged again', () => {
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

  it('tells a served cluster that loses its label instead of explaining it: its workflow says why', () => {
    expect(decisions(served, { ...served, managed: false })).toEqual(['observed', 'observed']);
  });

  it('takes a cluster made again under its old name for another one', () => {
    const again = { ...served, identity: { ...served.identity, uid: 'another' } };
    expect(decisions(served, again, again)).toEqual(['observed', 'observed', 'nothing']);
    expect(decisions(finalized, { ...again, deleting: true })).toEqual(['observed', 'nothing']);
  });

  it('tells of the last bundle that a served cluster gives up', () => {
    expect(decisions(served, { ...served, bundles: [] })).toEqual(['observed', 'observed']);
  });

  it('never has anything to say about the same state twice', () => {
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
