import { describe, expect, test } from 'vitest';
import type { SealedTxtRecord } from '../../../src/contract/activities/txt-records.ts';
import { isFulfillable, recordOutsideZone, zoneNamesOf } from '../../../src/contract/fulfillable-order.ts';
import { PENDING_CHALLENGE } from '../../support/acme/issued-order.ts';

const ZONE = { zoneName: 'c1.example.com' };
const INSIDE: SealedTxtRecord = { name: '_acme-challenge.api.c1.example.com', value: 'v' };
const OUTSIDE: SealedTxtRecord = { name: '_acme-challenge.api.example.net', value: 'v' };
const DELEGATED: SealedTxtRecord = {
  ...OUTSIDE,
  at: { name: 'api.acme.example.org', zoneName: 'acme.example.org', challengeZone: true },
};

describe('the record of an order that is outside of its zone', () => {
  test.each<[string, readonly SealedTxtRecord[], SealedTxtRecord | undefined]>([
    ['none of an order without records', [], undefined],
    ['not one below the zone', [INSIDE], undefined],
    ['not one at the apex of the zone', [{ name: 'C1.example.com.', value: 'v' }], undefined],
    ['one of another zone', [INSIDE, OUTSIDE], OUTSIDE],
    [
      'one whose name only ends alike',
      [{ name: 'x.notc1.example.com', value: 'v' }],
      { name: 'x.notc1.example.com', value: 'v' },
    ],
    ['not one that a CNAME delegates', [DELEGATED], undefined],
  ])('is %s', (_what, records, found) => {
    expect(recordOutsideZone(records, ZONE)).toEqual(found);
  });
});

test("the zones of records are the cluster's own and those that CNAMEs lead to, each once", () => {
  expect(zoneNamesOf([INSIDE, DELEGATED, INSIDE, DELEGATED], ZONE)).toEqual(['c1.example.com', 'acme.example.org']);
  expect(zoneNamesOf([], ZONE)).toEqual([]);
});

describe('an order can be fulfilled where it is placed', () => {
  const order = (record: SealedTxtRecord) => ({ challenges: [{ ...PENDING_CHALLENGE, record }] });

  test.each<[string, Parameters<typeof isFulfillable>[0], boolean]>([
    ['without challenges', { challenges: [] }, true],
    ['with a record in the zone', order(INSIDE), true],
    ['with a record that a CNAME delegates', order(DELEGATED), true],
    ['but not with a record outside of the zone', order(OUTSIDE), false],
    ['but not with a record that stays', order({ ...INSIDE, persistent: true }), false],
    ['but not as a proof', { ...order(INSIDE), proof: true }, false],
  ])('%s', (_what, placed, expected) => {
    expect(isFulfillable(placed, ZONE)).toBe(expected);
  });
});
