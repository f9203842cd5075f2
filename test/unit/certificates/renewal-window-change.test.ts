import { assert, double, property } from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  changesRenewalTime,
  type RenewalWindow,
  selectTimeInWindow,
} from '../../../src/certificates/renewal-window.ts';

const NOW = Date.parse('2026-05-01T00:00:00Z');
const DAY_MS = 86_400_000;
const at = (days: number): string => new Date(NOW + days * DAY_MS).toISOString().replace('.000Z', 'Z');
const window = (fromDay: number, toDay: number, change: Partial<RenewalWindow> = {}): RenewalWindow => ({
  certId: 'aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE',
  start: at(fromDay),
  end: at(toDay),
  ...change,
});

describe('a window that the workflow does not know', () => {
  test('changes the renewal time when it is before the planned renewal', () => {
    expect(changesRenewalTime(window(1, 2), { renewalTime: at(10) }, NOW)).toBe(true);
  });

  test('changes it when the window has passed and the renewal is planned for later', () => {
    expect(changesRenewalTime(window(-2, -1), { renewalTime: at(10) }, NOW)).toBe(true);
  });

  test('changes nothing when it is after the planned renewal', () => {
    expect(changesRenewalTime(window(20, 21), { renewalTime: at(10) }, NOW)).toBe(false);
  });

  test('changes nothing when the renewal is due', () => {
    expect(changesRenewalTime(window(-2, -1), { renewalTime: at(-1) }, NOW)).toBe(false);
  });

  test('changes nothing while no renewal is planned: one is in progress, or failing', () => {
    expect(changesRenewalTime(window(-2, -1), {}, NOW)).toBe(false);
  });

  test('changes nothing when it is malformed', () => {
    expect(changesRenewalTime(window(2, 1), { renewalTime: at(10) }, NOW)).toBe(false);
  });

  test('counts as unknown when the known window is that of the previous certificate', () => {
    const known = { suggestedWindow: window(20, 21, { certId: 'AQ.AQ' }), renewalTime: at(10) };
    expect(changesRenewalTime(window(30, 31), known, NOW)).toBe(false);
    expect(changesRenewalTime(window(1, 2), known, NOW)).toBe(true);
  });
});

describe('a window that the workflow does not know, of a renewal that follows it', () => {
  const known = { renewalTime: at(10), followsWindow: true };

  test('changes the renewal time, whether it is earlier or later', () => {
    expect(changesRenewalTime(window(1, 2), known, NOW)).toBe(true);
    expect(changesRenewalTime(window(20, 21), known, NOW)).toBe(true);
  });

  test('changes nothing when it is malformed, or while no renewal is planned', () => {
    expect(changesRenewalTime(window(2, 1), known, NOW)).toBe(false);
    expect(changesRenewalTime(window(20, 21), { followsWindow: true }, NOW)).toBe(false);
  });

  test('changes nothing a second time', () => {
    const suggestedWindow = window(20, 21);
    expect(changesRenewalTime(suggestedWindow, { ...known, suggestedWindow }, NOW)).toBe(false);
  });
});

describe('a window that the workflow knows', () => {
  const known = { suggestedWindow: window(5, 6), renewalTime: at(5.5) };

  test('changes nothing while it is the same', () => {
    expect(changesRenewalTime(window(5, 6), known, NOW)).toBe(false);
  });

  test('changes the renewal time when it moves, even to later', () => {
    expect(changesRenewalTime(window(1, 2), known, NOW)).toBe(true);
    expect(changesRenewalTime(window(30, 31), known, NOW)).toBe(true);
  });

  test('is signalled when its explanation changes', () => {
    expect(changesRenewalTime(window(5, 6, { explanationUrl: 'https://ca.example/7' }), known, NOW)).toBe(true);
  });

  test('changes nothing when it moves within the past, as that of a revoked certificate does at every poll', () => {
    expect(changesRenewalTime(window(-2, -1), { suggestedWindow: window(-4, -3), renewalTime: at(-4) }, NOW)).toBe(
      false,
    );
  });
});

test('a known window never changes the renewal time again, whatever the planned renewal', () => {
  const day = double({ min: -100, max: 400, noNaN: true });
  assert(
    property(day, double({ min: 0.01, max: 30, noNaN: true }), day, day, (from, days, planned, later) => {
      const suggestedWindow = window(from, from + days);
      const now = NOW + Math.max(0, later) * DAY_MS;
      expect(changesRenewalTime(suggestedWindow, { suggestedWindow, renewalTime: at(planned) }, now)).toBe(false);
    }),
  );
});

test('an unknown window changes the renewal time exactly when it makes the renewal earlier', () => {
  const day = double({ min: -100, max: 400, noNaN: true });
  assert(
    property(day, double({ min: 0.01, max: 30, noNaN: true }), day, (from, days, planned) => {
      const suggested = window(from, from + days);
      const earlier = (selectTimeInWindow(suggested, NOW) ?? Number.POSITIVE_INFINITY) < Date.parse(at(planned));
      expect(changesRenewalTime(suggested, { renewalTime: at(planned) }, NOW)).toBe(earlier);
    }),
  );
});
