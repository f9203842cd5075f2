import { describe, expect, test } from 'vitest';
import { describeKillPoint, killPlan, PHASES } from '../../chaos/kills/kill-points.ts';
import { REQUEST_KINDS } from '../../chaos/request-kinds.ts';
import { SeededRandom } from '../../chaos/seeded-random.ts';

const pointsOf = (seed: number, thorough: boolean): readonly string[] => {
  const plan = killPlan(new SeededRandom(seed), { thorough });
  return PHASES.flatMap((phase) => plan[phase].map(describeKillPoint));
};

describe('a short plan', () => {
  test('kills before and after every kind of request, once each', () => {
    const expected = Object.entries(REQUEST_KINDS).flatMap(([kind, words]) => {
      const after = `after ${words}, unheard`;
      // A poll that the server never sees was not made.
      return kind.startsWith('take') ? [after] : [`before ${words}`, after];
    });
    expect(pointsOf(1, false).toSorted()).toEqual(expected.toSorted());
  });

  test('depends on the seed only', () => {
    expect(pointsOf(7, false)).toEqual(pointsOf(7, false));
    expect(pointsOf(7, false)).not.toEqual(pointsOf(8, false));
  });
});

test('a thorough plan uses every kill point of an order in first orders and in renewals', () => {
  const { issuance, renewal } = killPlan(new SeededRandom(1), { thorough: true });
  const inRenewals = renewal.map(describeKillPoint);
  expect(new Set(inRenewals).size).toBe(inRenewals.length);
  expect(issuance.map(describeKillPoint)).toEqual(expect.arrayContaining(inRenewals));
  expect(inRenewals).toContain('after finalize, unheard');
});
