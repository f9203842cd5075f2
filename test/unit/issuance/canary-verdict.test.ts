import { describe, expect, it } from 'vitest';
import { canaryVerdict, MAX_UNUSED_PLACE_MS, recordAfter } from '../../../src/issuance/canary-verdict.ts';
import type { CanaryPlace, IssuerRecord } from '../../../src/kubernetes/objects/issuer-records.ts';

const NOW = Date.parse('2026-12-01T12:00:00Z');
const HOUR_MS = 3_600_000;
const RULE = { clusters: 2, periodMs: 24 * HOUR_MS };

const ago = (hours: number): string => new Date(NOW - hours * HOUR_MS).toISOString();

function place(uid: string, takenHoursAgo: number, installed = true): CanaryPlace {
  const takenAt = ago(takenHoursAgo);
  const request = { namespace: 'ns', name: `${uid}-primary`, uid: `request-of-${uid}` };
  return { cluster: `ns/${uid}`, uid, request, takenAt, ...(installed && { installedAt: takenAt }) };
}

const canary = (...places: readonly CanaryPlace[]): IssuerRecord => ({
  name: 'YE2',
  state: 'canary',
  since: ago(30),
  places,
});

const verdictFor = (uid: string, record: IssuerRecord | undefined, evidence = {}) =>
  canaryVerdict(record, uid, RULE, evidence, NOW);

describe('a certificate of an issuer', () => {
  it('that is new is installed on the first clusters, and on no more', () => {
    expect(verdictFor('a', undefined)).toEqual({ kind: 'takePlace' });
    expect(verdictFor('b', canary(place('a', 1)))).toEqual({ kind: 'takePlace' });
    const end = NOW + 23 * HOUR_MS;
    expect(verdictFor('c', canary(place('a', 1), place('b', 0.5)))).toEqual({ kind: 'wait', until: end });
    expect(verdictFor('b', canary(place('a', 1), place('b', 0.5)))).toEqual({ kind: 'install' });
  });

  it('is installed everywhere at the end of the period, by the first one that asks', () => {
    const record = canary(place('a', 24), place('b', 1));
    expect(verdictFor('c', record).kind).toBe('accept');
    expect(verdictFor('c', { ...record, state: 'accepted' })).toEqual({ kind: 'install' });
  });

  it('leaves no cluster to wait for one that never installs it', () => {
    const unused = place('a', MAX_UNUSED_PLACE_MS / HOUR_MS, false);
    const taken = canary(place('a', 0.5, false), place('b', 0.5, false));
    expect(verdictFor('c', taken)).toEqual({ kind: 'wait', until: NOW + MAX_UNUSED_PLACE_MS });
    expect(verdictFor('c', canary(unused, place('b', 0.5, false)))).toEqual({ kind: 'takePlace' });
    // It installs it late, all the same.
    expect(verdictFor('a', canary(unused, place('b', 1)))).toEqual({ kind: 'install' });
  });

  it('that a person refused is installed nowhere, not on its canary either', () => {
    const refused: IssuerRecord = { ...canary(place('a', 30)), state: 'refused', decidedAt: ago(1), why: 'pinned' };
    for (const uid of ['a', 'c'])
      expect(verdictFor(uid, refused)).toEqual({ kind: 'refused', why: 'pinned', since: ago(1) });
  });

  it('is accepted before its time once every cluster of the canary serves it, and refused once clients refuse it', () => {
    const full = canary(place('a', 1), place('b', 0.5));
    expect(verdictFor('c', full, { served: true }).kind).toBe('accept');
    expect(verdictFor('c', canary(place('a', 1), place('b', 0.5, false)), { served: true }).kind).toBe('wait');
    expect(verdictFor('c', full, { rejected: 'ns/a: handshake failure' })).toEqual({
      kind: 'refuse',
      why: 'ns/a: handshake failure',
    });
  });
});

describe('what is recorded', () => {
  it('drops places that were never used, and keeps since', () => {
    const before = canary(place('a', 2, false), place('b', 1));
    const after = recordAfter({ kind: 'takePlace' }, before, 'YE2', place('c', 0, false), NOW);
    expect(after).toMatchObject({ state: 'canary', since: before.since });
    expect(after?.places.map(({ uid }) => uid)).toEqual(['b', 'c']);
  });

  it('is the end of the canary with its instant and reason, and nothing for a wait', () => {
    const before = canary(place('a', 24));
    expect(recordAfter({ kind: 'accept', why: 'done' }, before, 'YE2', place('c', 0), NOW)).toMatchObject({
      state: 'accepted',
      decidedAt: ago(0),
      why: 'done',
      places: before.places,
    });
    expect(recordAfter({ kind: 'wait', until: NOW }, before, 'YE2', place('c', 0), NOW)).toBeUndefined();
  });
});
