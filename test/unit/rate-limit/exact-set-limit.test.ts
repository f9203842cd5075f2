import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { orderAllowedAt, type RateLimitState, recordIssuance } from '../../../src/rate-limit/exact-set-limit.ts';
import { CERTIFICATES_PER_EXACT_SET } from '../../../src/rate-limit/limits.ts';
import { DAY_MS, HOUR_MS, NOT_BEFORE } from '../../support/certificates/certificate-facts.ts';

const NAMES = { nameSet: 'names', caHost: 'ca.example' };
const CLASSIC_MS = 90 * DAY_MS;

/** What is used after this many orders at one instant. */
function used(orders: number, lifetimeMs: number | undefined = CLASSIC_MS, now = NOT_BEFORE): RateLimitState {
  let state: RateLimitState = [];
  for (let order = 0; order < orders; order += 1) state = recordIssuance(state, NAMES, lifetimeMs, now);
  return state;
}

/** Orders whenever it is allowed; the instants of the first so many. */
function greedy(orders: number, lifetimeMs: number | undefined): readonly number[] {
  const instants: number[] = [];
  let state: RateLimitState = [];
  let now = NOT_BEFORE;
  while (instants.length < orders) {
    now = orderAllowedAt(state, NAMES, lifetimeMs, now);
    instants.push(now);
    state = recordIssuance(state, NAMES, lifetimeMs, now);
  }
  return instants;
}

describe('the limit of Let’s Encrypt', () => {
  test('five at once, then one in 33.6 hours', () => {
    const hours = greedy(8, CLASSIC_MS).map((instant) => (instant - NOT_BEFORE) / HOUR_MS);
    expect(hours).toEqual([0, 0, 0, 0, 0, 33.6, 67.2, 100.8]);
  });

  test('all five are back after a week', () => {
    const rested = NOT_BEFORE + CERTIFICATES_PER_EXACT_SET.burst * CERTIFICATES_PER_EXACT_SET.intervalMs;
    let state = used(5);
    for (let order = 0; order < 5; order += 1) {
      expect(orderAllowedAt(state, NAMES, CLASSIC_MS, rested)).toBe(rested);
      state = recordIssuance(state, NAMES, CLASSIC_MS, rested);
    }
    expect(orderAllowedAt(state, NAMES, CLASSIC_MS, rested)).toBe(rested + CERTIFICATES_PER_EXACT_SET.intervalMs);
  });

  test('holds as well where no lifetime is known', () => {
    expect(greedy(7, undefined)).toEqual(greedy(7, CLASSIC_MS));
  });

  test.each([
    ['another set of names', { ...NAMES, nameSet: 'others' }],
    ['the same set at another CA', { ...NAMES, caHost: 'another.example' }],
  ])('%s has its own, and that of the first is not forgotten for it', (_what, other) => {
    const first = used(5);
    expect(orderAllowedAt(first, other, CLASSIC_MS, NOT_BEFORE)).toBe(NOT_BEFORE);
    const both = recordIssuance(first, other, CLASSIC_MS, NOT_BEFORE);
    expect(both).toEqual([{ ...used(1)[0], ...other }, ...first]);
    expect(orderAllowedAt(both, NAMES, CLASSIC_MS, NOT_BEFORE)).toBe(
      NOT_BEFORE + CERTIFICATES_PER_EXACT_SET.intervalMs,
    );
  });

  test('holds where the CA is not known, then or now: it may be the same', () => {
    const { nameSet } = NAMES;
    expect(orderAllowedAt(used(5), { nameSet }, CLASSIC_MS, NOT_BEFORE)).toBe(
      NOT_BEFORE + CERTIFICATES_PER_EXACT_SET.intervalMs,
    );
    const more = recordIssuance(used(4), { nameSet }, CLASSIC_MS, NOT_BEFORE);
    expect(more).toEqual(used(5));
  });

  test('remembers few sets, and none longer than it matters', () => {
    let state: RateLimitState = [];
    for (let set = 0; set < 9; set += 1) state = recordIssuance(state, { nameSet: `${set}` }, CLASSIC_MS, NOT_BEFORE);
    expect(state.map(({ nameSet }) => nameSet)).toEqual(['8', '7', '6', '5']);
    const later = NOT_BEFORE + CERTIFICATES_PER_EXACT_SET.intervalMs;
    expect(recordIssuance(state, { nameSet: '9' }, CLASSIC_MS, later)).toHaveLength(1);
  });
});

describe('a certificate of a short life', () => {
  test.each([
    ['an hour', HOUR_MS, 15 / 60],
    ['a day', DAY_MS, 6],
    ['six days, which need no more than others', 160 * HOUR_MS, 33.6],
  ])('of %s gets one back in a quarter of it', (_what, lifetime, hours) => {
    expect(orderAllowedAt(used(5, lifetime), NAMES, lifetime, NOT_BEFORE)).toBe(NOT_BEFORE + hours * HOUR_MS);
  });

  test('that is lost again and again is counted by its own measure while it is lost', () => {
    const lost = orderAllowedAt(used(5, HOUR_MS), NAMES, undefined, NOT_BEFORE);
    expect(lost).toBe(NOT_BEFORE + HOUR_MS / 4);
    expect(recordIssuance(used(4, HOUR_MS), NAMES, undefined, NOT_BEFORE)).toEqual(used(5, HOUR_MS));
  });

  test('does not wait for what was counted for a long one', () => {
    expect(orderAllowedAt(used(5, CLASSIC_MS), NAMES, HOUR_MS, NOT_BEFORE)).toBe(NOT_BEFORE);
    const next = recordIssuance(used(5, CLASSIC_MS), NAMES, HOUR_MS, NOT_BEFORE);
    expect(orderAllowedAt(next, NAMES, HOUR_MS, NOT_BEFORE)).toBe(NOT_BEFORE + HOUR_MS / 4);
  });

  test('that has expired as it is issued is no loop without a pause', () => {
    expect(orderAllowedAt(used(5, 0), NAMES, 0, NOT_BEFORE)).toBeGreaterThanOrEqual(NOT_BEFORE + 1000);
  });
});

test('whatever the clock does, no wait is longer than the limit’s week', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 12 }),
      fc.integer({ min: -400 * DAY_MS, max: 400 * DAY_MS }),
      (orders, jump) => {
        const now = NOT_BEFORE + jump;
        const wait = orderAllowedAt(used(orders), NAMES, CLASSIC_MS, now) - now;
        expect(wait).toBeGreaterThanOrEqual(0);
        expect(wait).toBeLessThanOrEqual(7 * DAY_MS);
      },
    ),
  );
});

test('a clock that goes back by minutes frees nothing', () => {
  const before = NOT_BEFORE - 10 * 60_000;
  expect(orderAllowedAt(used(5), NAMES, CLASSIC_MS, before)).toBe(NOT_BEFORE + CERTIFICATES_PER_EXACT_SET.intervalMs);
});

test('for every lifetime and any pauses: never more orders in a time than the limit allows', () => {
  fc.assert(
    fc.property(
      fc.option(fc.integer({ min: 3_600, max: 398 * 86_400 }), { nil: undefined }),
      fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 20, maxLength: 60 }),
      (seconds, pauses) => {
        const lifetime = seconds === undefined ? undefined : seconds * 1000;
        const interval = Math.min(CERTIFICATES_PER_EXACT_SET.intervalMs, (lifetime ?? Number.POSITIVE_INFINITY) / 4);
        const instants: number[] = [];
        let state: RateLimitState = [];
        let now = NOT_BEFORE;
        for (const pause of pauses) {
          now = orderAllowedAt(state, NAMES, lifetime, Math.round(now + (pause / 100) * interval));
          instants.push(now);
          state = recordIssuance(state, NAMES, lifetime, now);
        }
        for (const [first, from] of instants.entries()) {
          for (const [later, to] of instants.slice(first).entries()) {
            // The burst, and one more for each interval that has passed.
            expect(later + 1).toBeLessThanOrEqual(CERTIFICATES_PER_EXACT_SET.burst + (to - from) / interval);
          }
        }
      },
    ),
  );
});
