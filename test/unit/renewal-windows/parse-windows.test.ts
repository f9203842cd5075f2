import { expect, test } from 'vitest';
import { matchesLabels } from '../../../src/renewal-windows/label-selector.ts';
import { parseRenewalWindows } from '../../../src/renewal-windows/parse-windows.ts';
import { periodEndingAfter, type Recurrence } from '../../../src/renewal-windows/recurrence.ts';
import { rulesFor } from '../../../src/renewal-windows/rules.ts';

const HOUR_MS = 3_600_000;

function problemOf(found: unknown): string {
  const parsed = parseRenewalWindows(found);
  return parsed.kind === 'invalid' ? parsed.problem : 'valid';
}

test('windows and freezes have defaults, and instants have an offset', () => {
  const parsed = parseRenewalWindows({
    windows: [{ name: 'nights', schedule: '0 22 * * 1-5', duration: '6h' }],
    freezes: [
      { name: 'year-end', from: '2026-12-20T00:00:00+01:00', to: '2027-01-04T00:00:00Z' },
      { name: 'close', schedule: '0 0 28 * *', duration: '3d', timeZone: 'Europe/Berlin' },
    ],
  });
  if (parsed.kind === 'invalid') throw new Error(parsed.problem);
  expect(parsed.rules.windows[0]?.period).toEqual({
    schedule: '0 22 * * 1-5',
    timeZone: 'UTC',
    durationMs: 6 * HOUR_MS,
  });
  expect(parsed.rules.freezes[0]?.period).toEqual({
    start: Date.parse('2026-12-19T23:00:00Z'),
    end: Date.parse('2027-01-04T00:00:00Z'),
  });
  expect(parseRenewalWindows(undefined)).toEqual({ kind: 'valid', rules: { windows: [], freezes: [] } });
});

const WINDOW = { name: 'a', schedule: '0 22 * * *', duration: '6h' };

test.each<readonly [string, unknown, string]>([
  ['a schedule with too few fields', { windows: [{ ...WINDOW, schedule: '0 22 * *' }] }, 'windows[0].schedule'],
  ['a schedule that never comes', { windows: [{ ...WINDOW, schedule: '0 0 30 2 *' }] }, 'never comes'],
  ['an hour that there is not', { windows: [{ ...WINDOW, schedule: '0 24 * * *' }] }, 'hour'],
  ['a zone that there is not', { windows: [{ ...WINDOW, timeZone: 'Europe/Nowhere' }] }, 'Europe/Nowhere is no IANA'],
  ['a duration without a unit', { windows: [{ ...WINDOW, duration: 6 }] }, 'windows[0].duration'],
  ['a duration of years', { windows: [{ ...WINDOW, duration: '800d' }] }, 'at most 366d'],
  ['an unknown field', { windows: [{ ...WINDOW, timezone: 'UTC' }] }, 'timezone'],
  ['an unknown list', { window: [] }, 'window'],
  ['two rules of one name', { windows: [WINDOW, WINDOW] }, 'two rules have the name a'],
  [
    'a freeze that ends before it starts',
    { freezes: [{ name: 'a', from: '2027-01-02T00:00:00Z', to: '2027-01-01T00:00:00Z' }] },
    'after',
  ],
  ['a freeze without an end', { freezes: [{ name: 'a', from: '2027-01-02T00:00:00Z' }] }, 'to: '],
  [
    'an instant without an offset',
    { freezes: [{ name: 'a', from: '2027-01-01T00:00:00', to: '2027-01-02T00:00:00Z' }] },
    'an instant such as',
  ],
  ['a selector of another kind', { windows: [{ ...WINDOW, selector: { env: 'prod' } }] }, 'windows[0].selector'],
  ['text', 'windows', 'expected object'],
])('%s is refused, and the place is named', (_what, found, expected) => {
  expect(problemOf(found)).toContain(expected);
});

test.each([
  [undefined, true],
  [{}, true],
  [{ matchLabels: { env: 'prod' } }, true],
  [{ matchLabels: { env: 'prod', tier: 'gold' } }, false],
  [{ matchLabels: { toString: 'x' } }, false],
  [{ matchExpressions: [{ key: 'env', operator: 'In', values: ['stage', 'prod'] }] }, true],
  [{ matchExpressions: [{ key: 'env', operator: 'NotIn', values: ['prod'] }] }, false],
  [{ matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['gold'] }] }, true],
  [{ matchExpressions: [{ key: 'env', operator: 'Exists' }] }, true],
  [{ matchExpressions: [{ key: 'env', operator: 'DoesNotExist' }] }, false],
] as const)('%j matches env=prod: %s', (selector, expected) => {
  expect(matchesLabels(selector, { env: 'prod' })).toBe(expected);
});

test('only the rules that select a cluster apply to it', () => {
  const parsed = parseRenewalWindows({
    windows: [{ ...WINDOW, selector: { matchLabels: { env: 'prod' } } }],
    freezes: [{ name: 'all', from: '2027-01-01T00:00:00Z', to: '2027-01-02T00:00:00Z' }],
  });
  if (parsed.kind === 'invalid') throw new Error(parsed.problem);
  expect(rulesFor(parsed.rules, { env: 'prod' }).windows).toHaveLength(1);
  expect(rulesFor(parsed.rules, {}).windows).toEqual([]);
  expect(rulesFor(parsed.rules, {}).freezes).toHaveLength(1);
});

const NIGHTLY: Recurrence = { schedule: '30 2 * * *', timeZone: 'Europe/Berlin', durationMs: 2 * HOUR_MS };

test.each([
  ['the night that has no 02:30', '2027-03-28T00:00:00Z', '2027-03-28T01:00:00.000Z', '2027-03-28T03:00:00.000Z'],
  ['the night after', '2027-03-28T12:00:00Z', '2027-03-29T00:30:00.000Z', '2027-03-29T02:30:00.000Z'],
  ['the night that has 02:30 twice', '2027-10-30T22:00:00Z', '2027-10-31T00:30:00.000Z', '2027-10-31T02:30:00.000Z'],
  ['the second 02:30 of that night', '2027-10-31T02:30:00Z', '2027-11-01T01:30:00.000Z', '2027-11-01T03:30:00.000Z'],
  ['a window that is open', '2027-06-01T01:00:00Z', '2027-06-01T00:30:00.000Z', '2027-06-01T02:30:00.000Z'],
  ['the end of a window', '2027-06-01T02:30:00Z', '2027-06-02T00:30:00.000Z', '2027-06-02T02:30:00.000Z'],
])('the window of %s', (_what, at, start, end) => {
  const found = periodEndingAfter(NIGHTLY, Date.parse(at));
  expect(new Date(found?.start ?? 0).toISOString()).toBe(start);
  expect(new Date(found?.end ?? 0).toISOString()).toBe(end);
});
