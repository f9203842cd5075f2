import { describe, expect, test } from 'vitest';
import { sampleCluster } from '../../../local/stack/management-cluster/sample-cluster.ts';
import { duplicateIssuanceFindings, type OrderEvidence, unfulfilledOrders } from '../../chaos/checks/orders.ts';
import type { SeenOrder } from '../../chaos/evidence/order-journal.ts';
import type { SeenCertificate } from '../../chaos/evidence/secret-journal.ts';

const order = (id: string, more: Partial<SeenOrder> = {}): SeenOrder => ({
  id,
  dnsNames: ['api.one.example.com'],
  incarnation: 'worker-1 incarnation 2',
  delivered: true,
  at: 1_000,
  ...more,
});

const certificate = (serialNumber: string, lifetime: 'minutes' | 'months' = 'months'): SeenCertificate => ({
  namespace: 'one',
  secretName: 'one-primary-cert',
  serialNumber,
  dnsNames: ['api.one.example.com'],
  notBefore: '2026-11-24T12:00:00.000Z',
  notAfter: lifetime === 'minutes' ? '2026-11-24T12:04:00.000Z' : '2027-02-22T12:00:00.000Z',
});

const clusters = [sampleCluster('one', 'example.com')];
const nothing = {
  orders: [],
  issued: [],
  certificates: [],
  kills: [],
  decommissioningSince: new Map<string, number>(),
};

const none = { cut: [], unrecorded: [], givenUp: [], unexplained: [] };

describe('an order', () => {
  const kills = [
    { incarnation: 'worker-2 incarnation 1', killPoint: 'before finalize', at: 1_001 },
    { incarnation: 'worker-1 incarnation 2', killPoint: 'before fetch authorization', at: 1_004 },
  ];
  const judge = (orders: readonly SeenOrder[], more: Partial<OrderEvidence> = {}) =>
    unfulfilledOrders({ ...nothing, orders, kills, ...more }, clusters);

  test('is fulfilled when its certificate was in its Secret', () => {
    const issued = [{ orderId: 'a', serialNumber: '1' }];
    expect(judge([order('a')], { issued, certificates: [certificate('1')] })).toEqual(none);
  });

  test.each([
    [
      'its response was not delivered',
      { delivered: false },
      'worker-1 incarnation 2 was killed inside newOrder (before fetch authorization)',
    ],
    [
      'its worker was killed before the response',
      { at: 1_005 },
      'worker-1 incarnation 2 was killed inside newOrder (before fetch authorization)',
    ],
    [
      'its worker had ended before the request was read',
      { incarnation: undefined },
      'its worker was dead before its request was read',
    ],
  ])('is classified as cut when %s', (_what, more, why) => {
    expect(judge([order('a', more)])).toEqual({ ...none, cut: [`order a for api.one.example.com: ${why}`] });
  });

  test('is classified as unrecorded, with the kill, when its worker was killed before Temporal had its URL', () => {
    expect(judge([order('a')])).toEqual({
      ...none,
      unrecorded: [
        "order a for api.one.example.com: worker-1 incarnation 2 was killed 4 ms after the CA's answer was passed on (before fetch authorization), before Temporal had its URL",
      ],
    });
  });

  test('is unexplained when Temporal had its URL', () => {
    const { unexplained } = judge([order('a', { recordedAt: 1_003 })]);
    expect(unexplained).toEqual([expect.stringContaining('was not continued')]);
  });

  test('whose certificate was in no Secret, of a worker that lives, is explained by nothing', () => {
    const issued = [{ orderId: 'a', serialNumber: '1' }];
    const { unexplained } = judge([order('a', { incarnation: 'worker-1 incarnation 3' })], { issued });
    expect(unexplained).toEqual([expect.stringContaining('worker-1 incarnation 3 was not killed')]);
  });

  test('is given up when its cluster was deleted before, and not otherwise', () => {
    const orders = [order('a', { recordedAt: 1_003 }), order('b', { recordedAt: 900, at: 890 })];
    const { givenUp, unexplained } = judge(orders, { decommissioningSince: new Map([['one', 950]]) });
    expect(givenUp).toEqual([expect.stringContaining('order a')]);
    expect(unexplained).toEqual([expect.stringContaining('order b')]);
  });
});

describe('a cluster', () => {
  test('has a reason for its first certificate, for each short-lived one, and for each requested renewal', () => {
    const own = [certificate('1', 'minutes'), certificate('2', 'minutes'), certificate('3'), certificate('4')];
    expect(duplicateIssuanceFindings(clusters, own, new Map([['one', 1]]))).toEqual([]);
  });

  test('with one more certificate than reasons has one issued twice', () => {
    const own = [certificate('1'), certificate('2')];
    expect(duplicateIssuanceFindings(clusters, own, new Map())).toEqual([
      { kind: 'issuedTwice', what: 'one got 2 certificates, with 1 reasons for one at most' },
    ]);
  });
});
