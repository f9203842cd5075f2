import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RenewalPolicy } from '../../../src/certificates/planned-renewal.ts';
import { DAY_MS, HOUR_MS, NOT_BEFORE } from '../../support/certificates/certificate-facts.ts';
import { arbitraryScenario } from '../../support/simulation/arbitrary-scenario.ts';
import { simulate } from '../../support/simulation/certificate-simulation.ts';
import {
  expiredInUse,
  missedOrders,
  missingAtTheEnd,
  ordersWithoutCause,
  renewalsLaterThanPromised,
  tooFrequentOrders,
} from '../../support/simulation/invariants.ts';
import type { Disturbance, Issued, Scenario } from '../../support/simulation/scenario.ts';

describe('for any lifetime, any renewBeforeDays, any policy and any order of events', () => {
  test.each([
    ['no order without a cause of its own: nothing is renewed twice for one reason', ordersWithoutCause],
    ['no renewal later than promised', renewalsLaterThanPromised],
    ['no hot loop', tooFrequentOrders],
    ['no expiry while the CA answers', expiredInUse],
    ['nothing that calls for an order left alone', missedOrders],
    ['in the end everything wanted is there', missingAtTheEnd],
  ])('%s', (_promise, broken) => {
    fc.assert(
      fc.property(arbitraryScenario, (scenario) => {
        expect(broken(scenario, simulate(scenario))).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });
});

/** The orders of ten years with only these disturbances, each at its time after the start. */
function tenYears(lifetimeMs: number, ...disturbances: readonly (readonly [number, Disturbance])[]): readonly Issued[] {
  return tenYearsBy(undefined, lifetimeMs, disturbances);
}

function tenYearsBy(
  policy: RenewalPolicy | undefined,
  lifetimeMs: number,
  disturbances: readonly (readonly [number, Disturbance])[],
): readonly Issued[] {
  let last = 0;
  const scenario: Scenario = {
    lifetimeMs,
    ...(policy === undefined ? {} : { policy }),
    jitterKey: 'ns/c1-primary',
    disturbances: disturbances.map(([at, what]) => {
      const after = at - last;
      last = at;
      return { after, what };
    }),
    quietMs: 3_650 * DAY_MS - last,
  };
  return simulate(scenario).filter((happening) => happening.kind === 'issued');
}

describe.each([
  ['a 90-day certificate', 90 * DAY_MS],
  ['a 64-day certificate, the classic one of 2027', 64 * DAY_MS],
  ['the case of 2028: a 45-day classic certificate', 45 * DAY_MS],
  ['a 6-day certificate', 160 * HOUR_MS],
])('%s', (_what, lifetime) => {
  const spread = Math.min(DAY_MS, lifetime / 50);

  test('is renewed at half of its lifetime for ten years, and never otherwise', () => {
    const orders = tenYears(lifetime);
    const [first, ...renewals] = orders;
    expect(first?.reason).toBe('SecretMissing');
    expect(new Set(renewals.map(({ reason }) => reason))).toEqual(new Set(['RenewalDue']));
    expect(renewals.length).toBeGreaterThanOrEqual(Math.floor((3_650 * DAY_MS) / (lifetime / 2)));
    expect(renewals.length).toBeLessThanOrEqual(Math.ceil((3_650 * DAY_MS) / (lifetime / 2 - spread - 1000)));
    for (const { replaced, at } of renewals) {
      expect(Date.parse(replaced?.notAfter ?? '') - at).toBeGreaterThanOrEqual(lifetime / 2);
    }
  });

  test.each([
    ['is away', { kind: 'caTroubled', trouble: 'away' }],
    ['refuses, so that attempts are daily', { kind: 'caTroubled', trouble: 'refuses' }],
  ] as const)('is still renewed in time when the CA %s until a tenth of its life is left', (_how, trouble) => {
    const well = 0.9 * lifetime;
    const orders = tenYears(lifetime, [HOUR_MS, trouble], [well, { kind: 'caWell' }]);
    const renewal = orders[1];
    expect(renewal?.reason).toBe('RenewalDue');
    // A quarter of the time left at the last failed attempt, which is at most 0.1 / (1 - 1/4) of the lifetime.
    expect((renewal?.at ?? Number.NaN) - NOT_BEFORE - well).toBeLessThanOrEqual(lifetime * (0.1 / 3));
    expect(renewal?.at).toBeLessThan(Date.parse(renewal?.replaced?.notAfter ?? ''));
  });

  test('whose Secret is deleted hourly for two days is ordered as often as the rate limit allows', () => {
    const deletions = Array.from(
      { length: 48 },
      (_, hour) => [(hour + 1) * HOUR_MS, { kind: 'secretDeleted' }] as const,
    );
    const orders = tenYears(lifetime, ...deletions).filter(({ at }) => at <= NOT_BEFORE + 48 * HOUR_MS);
    expect(orders.map(({ at }) => (at - NOT_BEFORE) / HOUR_MS)).toEqual([0, 1, 2, 3, 4, 33.6]);
  });
});

test('by policy ari, a CA that has no renewal information gets a quarter fewer orders', () => {
  const renewals = (policy?: RenewalPolicy): number => tenYearsBy(policy, 90 * DAY_MS, []).length - 1;
  expect(renewals()).toBeGreaterThanOrEqual(81);
  expect(renewals('ari') / renewals()).toBeCloseTo(0.75, 1);
});
