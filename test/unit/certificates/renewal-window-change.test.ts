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

describe('a window that the workflow was never told of', () => {
  test('is news when it lies before the renewal that is planned', () => {
    expect(changesRenewalTime(window(1, 2), { renewalTime: at(10) }, NOW)).toBe(true);
  });

  test('is news when it has passed, with the renewal planned for later', () => {
    expect(changesRenewalTime(window(-2, -1), { renewalTime: at(10) }, NOW)).toBe(true);
  });

  test('is none when it lies behind the renewal that is planned', () => {
    expect(changesRenewalTime(window(20, 21), { renewalTime: at(10) }, NOW)).toBe(false);
  });

  test('is none when the renewal is due anyway', () => {
    expect(changesRenewalTime(window(-2, -1), { renewalTime: at(-1) }, NOW)).toBe(false);
  });

  test('is none while no renewal is planned: one is under way, or failing', () => {
    expect(changesRenewalTime(window(-2, -1), {}, NOW)).toBe(false);
  });

  test('is none when it is no window', () => {
    expect(changesRenewalTime(window(2, 1), { renewalTime: at(10) }, NOW)).toBe(false);
  });

  test('is judged as one, although it was told of the window of the certificate before', () => {
    const told = { suggestedWindow: window(20, 21, { certId: 'AQ.AQ' }), renewalTime: at(10) };
    expect(changesRenewalTime(window(30, 31), told, NOW)).toBe(false);
    expect(changesRenewalTime(window(1, 2), told, NOW)).toBe(true);
  });
});

describe('a window that the workflow was told of', () => {
  const told = { suggestedWindow: window(5, 6), renewalTime: at(5.5) };

  test('is none while it stays', () => {
    expect(changesRenewalTime(window(5, 6), told, NOW)).toBe(false);
  });

  test('is news when it moves, be it to later: the renewal is planned by the one before', () => {
    expect(changesRenewalTime(window(1, 2), told, NOW)).toBe(true);
    expect(changesRenewalTime(window(30, 31), told, NOW)).toBe(true);
  });

  test('is news when the CA explains it otherwise', () => {
    expect(changesRenewalTime(window(5, 6, { explanationUrl: 'https://ca.example/7' }), told, NOW)).toBe(true);
  });

  test('is none when it has passed and moves within the past, as that of a revoked certificate does at every look', () => {
    expect(changesRenewalTime(window(-2, -1), { suggestedWindow: window(-4, -3), renewalTime: at(-4) }, NOW)).toBe(
      false,
    );
  });
});

test('once told, the same window is never news again, whatever becomes of the planned renewal', () => {
  const day = double({ min: -100, max: 400, noNaN: true });
  assert(
    property(day, double({ min: 0.01, max: 30, noNaN: true }), day, day, (from, days, planned, later) => {
      const suggestedWindow = window(from, from + days);
      const now = NOW + Math.max(0, later) * DAY_MS;
      expect(changesRenewalTime(suggestedWindow, { suggestedWindow, renewalTime: at(planned) }, now)).toBe(false);
    }),
  );
});

test('what is news to a workflow never told before is so exactly when the renewal comes earlier by it', () => {
  const day = double({ min: -100, max: 400, noNaN: true });
  assert(
    property(day, double({ min: 0.01, max: 30, noNaN: true }), day, (from, days, planned) => {
      const suggested = window(from, from + days);
      const earlier = (selectTimeInWindow(suggested, NOW) ?? Number.POSITIVE_INFINITY) < Date.parse(at(planned));
      expect(changesRenewalTime(suggested, { renewalTime: at(planned) }, NOW)).toBe(earlier);
    }),
  );
});
