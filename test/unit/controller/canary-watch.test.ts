import { describe, expect, it } from 'vitest';
import { hasEndedEarly } from '../../../src/controller/canary-watch.ts';
import type { IssuerRecord, IssuerRecords } from '../../../src/kubernetes/objects/issuer-records.ts';

const HOUR_MS = 3_600_000;
const PERIOD_MS = 24 * HOUR_MS;
const INSTALLED_AT = '2026-12-01T00:00:00.000Z';

function records(state: IssuerRecord['state'], decidedHoursLater?: number): IssuerRecords {
  const request = { namespace: 'ns', name: 'c1-primary', uid: 'r' };
  const place = { cluster: 'ns/c1', uid: 'u', request, takenAt: INSTALLED_AT, installedAt: INSTALLED_AT };
  const decidedAt =
    decidedHoursLater === undefined
      ? undefined
      : new Date(Date.parse(INSTALLED_AT) + decidedHoursLater * HOUR_MS).toISOString();
  return new Map([['id', { name: 'YE2', state, since: INSTALLED_AT, places: [place], decidedAt }]]);
}

describe('certificates that wait are evaluated again', () => {
  it('when a person, or a cluster that knew the issuer, has ended the canary', () => {
    expect(hasEndedEarly(records('canary'), records('accepted', 2), PERIOD_MS)).toBe(true);
    expect(hasEndedEarly(records('canary'), records('refused', 2), PERIOD_MS)).toBe(true);
    expect(hasEndedEarly(records('refused', 2), records('accepted', 3), PERIOD_MS)).toBe(true);
  });

  it('where a controller that starts does not know what it missed', () => {
    expect(hasEndedEarly(undefined, records('refused', 2), PERIOD_MS)).toBe(true);
  });

  it('not at the regular end, after which each comes by itself, and not without a change', () => {
    expect(hasEndedEarly(records('canary'), records('accepted', 24), PERIOD_MS)).toBe(false);
    expect(hasEndedEarly(records('canary'), records('canary'), PERIOD_MS)).toBe(false);
    expect(hasEndedEarly(records('accepted', 2), records('accepted', 2), PERIOD_MS)).toBe(false);
    expect(hasEndedEarly(undefined, new Map(), PERIOD_MS)).toBe(false);
  });
});
