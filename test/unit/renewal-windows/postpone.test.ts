import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseRenewalWindows } from '../../../src/renewal-windows/parse-windows.ts';
import { closureAt, type DueRenewal, nextOpening, postponeByWindows } from '../../../src/renewal-windows/postpone.ts';
import { type RenewalWindows } from '../../../src/renewal-windows/rules.ts';

const DAY_MS = 86_400_000;
const MONDAY_NOON = Date.parse('2027-06-07T12:00:00Z');

function rulesOf(found: unknown): RenewalWindows {
  const parsed = parseRenewalWindows(found);
  if (parsed.kind === 'invalid') throw new Error(parsed.problem);
  return parsed.rules;
}

const NIGHTS = { name: 'nights', schedule: '0 22 * * *', duration: '6h' };
const FREEZE = { name: 'launch', from: '2027-06-07T00:00:00Z', to: '2027-06-10T23:00:00Z' };

function due(change: Partial<DueRenewal> = {}): DueRenewal {
  return { plannedAt: MONDAY_NOON, latest: MONDAY_NOON + 18 * DAY_MS, now: MONDAY_NOON, fraction: 0, ...change };
}

function untilOf(rules: unknown, change: Partial<DueRenewal> = {}): string | undefined {
  return postponeByWindows(rulesOf(rules), due(change))?.until;
}

test('without rules, and in a window, nothing is postponed', () => {
  expect(untilOf({})).toBeUndefined();
  const now = Date.parse('2027-06-07T23:00:00Z');
  expect(untilOf({ windows: [NIGHTS] }, { now, plannedAt: now })).toBeUndefined();
});

test('outside a window, a renewal waits for its place in the next one', () => {
  expect(untilOf({ windows: [NIGHTS] })).toBe('2027-06-07T22:00:00.000Z');
  expect(untilOf({ windows: [NIGHTS] }, { fraction: 0.5 })).toBe('2027-06-08T00:24:00.000Z');
  expect(postponeByWindows(rulesOf({ windows: [NIGHTS] }), due())).toEqual({
    reason: 'OutsideWindow',
    plannedTime: '2027-06-07T12:00:00.000Z',
    until: '2027-06-07T22:00:00.000Z',
    message: 'no renewal window is open (next: nights)',
  });
});

test('in an open window, it keeps its place', () => {
  const now = Date.parse('2027-06-07T23:00:00Z');
  expect(untilOf({ windows: [NIGHTS] }, { now, fraction: 0.5 })).toBe('2027-06-08T00:24:00.000Z');
  expect(untilOf({ windows: [NIGHTS] }, { now, fraction: 0.1 })).toBeUndefined();
});

test('a window that was missed is followed by the next one', () => {
  expect(untilOf({ windows: [NIGHTS] }, { now: Date.parse('2027-06-08T09:00:00Z') })).toBe('2027-06-08T22:00:00.000Z');
});

test('the earliest of several windows counts', () => {
  const evening = { name: 'evenings', schedule: '0 18 * * *', duration: '1h' };
  expect(untilOf({ windows: [NIGHTS, evening] })).toBe('2027-06-07T18:00:00.000Z');
});

test('a freeze goes before windows, which open after it', () => {
  expect(untilOf({ freezes: [FREEZE] })).toBe('2027-06-10T23:00:00.000Z');
  expect(untilOf({ windows: [NIGHTS], freezes: [FREEZE] })).toBe('2027-06-10T23:00:00.000Z');
  const long = { ...FREEZE, to: '2027-06-11T05:00:00Z' };
  expect(untilOf({ windows: [NIGHTS], freezes: [long] })).toBe('2027-06-11T22:00:00.000Z');
});

test('freezes that overlap are one', () => {
  const other = { name: 'audit', from: '2027-06-10T00:00:00Z', to: '2027-06-12T00:00:00Z' };
  expect(untilOf({ freezes: [FREEZE, other] })).toBe('2027-06-12T00:00:00.000Z');
});

test('what recurs can freeze, too', () => {
  const close = { name: 'month-end', schedule: '0 0 28 * *', duration: '4d' };
  const now = Date.parse('2027-06-29T12:00:00Z');
  const latest = now + 9 * DAY_MS;
  expect(untilOf({ freezes: [close] }, { plannedAt: now, now, latest })).toBe('2027-07-02T00:00:00.000Z');
});

test('it is never postponed beyond the latest instant, and not at all after it', () => {
  const latest = MONDAY_NOON + DAY_MS;
  const postponed = postponeByWindows(rulesOf({ freezes: [FREEZE] }), due({ latest }));
  expect(postponed?.until).toBe('2027-06-08T12:00:00.000Z');
  expect(postponed?.message).toBe('the freeze launch is on; it cannot wait for the end of that');
  expect(untilOf({ freezes: [FREEZE] }, { latest, now: latest })).toBeUndefined();
});

test('where the next window is years away, it waits until the latest instant', () => {
  const rare = { name: 'leap', schedule: '0 0 29 2 *', duration: '1d' };
  expect(untilOf({ windows: [rare] })).toBe('2027-06-25T12:00:00.000Z');
});

test('freezes without a gap end the search', () => {
  const always = { name: 'always', schedule: '* * * * *', duration: '2m' };
  expect(nextOpening(rulesOf({ freezes: [always] }), MONDAY_NOON, MONDAY_NOON + DAY_MS)).toBeUndefined();
});

test('whatever the rules, it starts while they allow it or at the latest instant, and the same at each evaluation', () => {
  const hour = fc.integer({ min: 0, max: 23 });
  const window = fc.record({ hour, weekday: fc.integer({ min: 0, max: 6 }), hours: fc.integer({ min: 1, max: 30 }) });
  const numbers = fc.record({
    windows: fc.array(window, { maxLength: 3 }),
    freezes: fc.array(window, { maxLength: 2 }),
    offset: fc.integer({ min: 0, max: 14 * 24 }),
    fraction: fc.double({ min: 0, max: 0.999, noNaN: true }),
    lateMinutes: fc.integer({ min: 0, max: 20 * 24 * 60 }),
  });
  fc.assert(
    fc.property(numbers, ({ windows, freezes, offset, fraction, lateMinutes }) => {
      const rule = (prefix: string) => (one: { hour: number; weekday: number; hours: number }, index: number) => ({
        name: `${prefix}${index}`,
        schedule: `0 ${one.hour} * * ${one.weekday}`,
        duration: `${one.hours}h`,
        timeZone: 'Europe/Berlin',
      });
      const rules = rulesOf({ windows: windows.map(rule('w')), freezes: freezes.map(rule('f')) });
      const plannedAt = Date.parse('2027-03-20T00:00:00Z') + offset * 3_600_000;
      const latest = plannedAt + 18 * DAY_MS;
      const now = plannedAt + lateMinutes * 60_000;
      const renewal = { plannedAt, latest, now, fraction };
      const postponed = postponeByWindows(rules, renewal);
      if (postponed === undefined) return now >= latest || closureAt(rules, now) === undefined;
      const until = Date.parse(postponed.until);
      if (until > latest || until <= now) return false;
      if (until < latest && closureAt(rules, until) !== undefined) return false;
      // At that instant it starts.
      return postponeByWindows(rules, { ...renewal, now: until }) === undefined;
    }),
    { numRuns: 100 },
  );
});
