import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ClusterView, RelocationState } from '../../../src/clusters/cluster-view.ts';
import { gateOf } from '../../../src/clusters/gate.ts';
import { clusterView } from '../../support/workflows/cluster-views.ts';

const relocations: readonly RelocationState[] = ['none', 'outgoing', 'incoming', 'complete', 'malformed'];
const anyState = fc.record({
  installed: fc.boolean(),
  managed: fc.boolean(),
  fake: fc.boolean(),
  paused: fc.boolean(),
  limitedSupport: fc.boolean(),
  finalizer: fc.boolean(),
  relocation: fc.constantFrom(...relocations),
});

describe('gateOf', () => {
  it('serves an installed, managed cluster', () => {
    expect(gateOf(clusterView())).toEqual({ kind: 'serve' });
  });

  it.each<[string, Partial<ClusterView>, string, string, RegExp]>([
    ['skips a fake cluster', { fake: true }, 'skip', 'FakeCluster', /managed\.openshift\.com\/fake/],
    [
      'skips an unmanaged one',
      { managed: false },
      'skip',
      'NotManaged',
      /label api\.openshift\.com\/managed is missing/,
    ],
    ['is hands-off for an outgoing relocation', { relocation: 'outgoing' }, 'handsOff', 'RelocatingOut', /relocate/],
    ['is hands-off once the cluster has moved', { relocation: 'complete' }, 'handsOff', 'Relocated', /has moved/],
    ['waits until Hive has moved it here', { relocation: 'incoming' }, 'wait', 'RelocatingIn', /moving here/],
    [
      'is hands-off if it is deleted while it moves',
      { relocation: 'outgoing', deleting: true },
      'handsOff',
      'RelocatingOut',
      /aborts the move.*remove it yourself/,
    ],
    ['is hands-off for Hive’s pause', { paused: true }, 'handsOff', 'ReconcilePaused', /reconcile-pause/],
    [
      'skips a standalone request where none is served',
      { standaloneRequestsOff: true, paused: true },
      'skip',
      'StandaloneRequestsOff',
      /not served on this management cluster.*CERTMAN_STANDALONE_REQUESTS=on/,
    ],
    ['waits for the installation', { installed: false }, 'wait', 'NotInstalled', /not installed yet/],
  ])('%s, and names the condition', (_name, change, kind, reason, message) => {
    expect(gateOf(clusterView(change))).toEqual({ kind, reason, message: expect.stringMatching(message) });
  });

  it('decommissions a standalone request although none is served', () => {
    expect(gateOf(clusterView({ standaloneRequestsOff: true, deleting: true })).kind).toBe('decommission');
  });

  it('names the command that makes an unmanaged cluster managed', () => {
    expect(gateOf(clusterView({ managed: false }))).toMatchObject({
      message: expect.stringContaining('oc label clusterdeployment c1 -n ns-c1 api.openshift.com/managed=true'),
    });
  });

  it('decommissions a deleted cluster that has moved, and says that its certificates stay valid', () => {
    expect(gateOf(clusterView({ relocation: 'complete', deleting: true }))).toEqual({
      kind: 'decommission',
      message: expect.stringContaining('its certificates stay valid'),
    });
  });

  it('serves despite a malformed relocation, with a note', () => {
    expect(gateOf(clusterView({ relocation: 'malformed' }))).toEqual({
      kind: 'serve',
      note: expect.stringContaining('hive.openshift.io/relocate'),
    });
  });

  it('serves a cluster in limited support', () => {
    expect(gateOf(clusterView({ limitedSupport: true }))).toEqual({ kind: 'serve' });
  });

  it('decommissions an object that is being deleted before all other gates', () => {
    fc.assert(
      fc.property(anyState, (state) => {
        const { kind } = gateOf(clusterView({ ...state, deleting: true }));
        return kind === (state.relocation === 'outgoing' ? 'handsOff' : 'decommission');
      }),
    );
  });

  it('gives a CamelCase reason and a sentence for every cluster that is not served', () => {
    fc.assert(
      fc.property(anyState, (state) => {
        const gate = gateOf(clusterView(state));
        if (gate.kind === 'serve' || gate.kind === 'decommission') return;
        expect(gate.reason).toMatch(/^[A-Z][A-Za-z]+$/);
        expect(gate.message).toMatch(/\S.{20,}/);
      }),
    );
  });
});
