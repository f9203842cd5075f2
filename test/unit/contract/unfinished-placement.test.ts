/** What the heartbeats of an interrupted attempt at an order say of it. */
import { describe, expect, test } from 'vitest';
import type { PlacedOrder } from '../../../src/contract/activities/acme.ts';
import { orderUrlIn, unfulfilledIn } from '../../../src/contract/unfinished-placement.ts';

const ORDER: PlacedOrder = {
  orderUrl: 'https://ca.test/order/1#seal',
  expires: '2026-12-01T00:00:00.000Z',
  caHost: 'ca.test',
  failover: 'The first CA fails.',
  challenges: [
    {
      identifier: 'example.com',
      wildcard: false,
      authorizationUrl: 'https://ca.test/authz/1',
      challengeUrl: 'https://ca.test/challenge/1',
      record: { name: '_acme-challenge.example.com', value: 'proof', seal: 'seal' },
    },
  ],
};

describe('an order that an attempt may have begun to fulfill', () => {
  test('is known with its challenges, and with what the fulfillment recorded', () => {
    const fulfilling = { step: 'finalizeOrder', since: 1 };
    expect(unfulfilledIn({ ...ORDER, step: 'finalizeOrder', fulfilling })).toEqual({
      ...ORDER,
      begun: { recorded: fulfilling },
    });
    expect(unfulfilledIn({ ...ORDER, failover: undefined })).toMatchObject({ orderUrl: ORDER.orderUrl, begun: {} });
    expect(unfulfilledIn({ ...ORDER, challenges: [] })).toMatchObject({ challenges: [] });
  });

  test.each([
    ['nothing', undefined],
    ['null', null],
    ['a text', 'order'],
    ['an order that is only placed', { orderUrl: ORDER.orderUrl }],
    ['an order without its CA', { ...ORDER, caHost: undefined }],
    ['a challenge without a record', { ...ORDER, challenges: [{ ...ORDER.challenges[0], record: undefined }] }],
    ['a record without a value', { ...ORDER, challenges: [{ ...ORDER.challenges[0], record: { name: 'x' } }] }],
    ['too many challenges', { ...ORDER, challenges: Array.from({ length: 1_001 }, () => ORDER.challenges[0]) }],
  ])('is not seen in %s', (_what, details) => {
    expect(unfulfilledIn(details)).toBeUndefined();
  });
});

test('the URL of an order is known once it is placed', () => {
  expect(orderUrlIn({ orderUrl: ORDER.orderUrl })).toBe(ORDER.orderUrl);
  expect(orderUrlIn(ORDER)).toBe(ORDER.orderUrl);
  for (const other of [undefined, null, 'order', { orderUrl: 1 }]) expect(orderUrlIn(other)).toBeUndefined();
});
