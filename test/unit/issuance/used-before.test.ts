import { expect, test } from 'vitest';
import { type CountedIssuance, usedBefore } from '../../../src/issuance/used-before.ts';

const issuance = (closeTime: number, fields: Partial<CountedIssuance> = {}): CountedIssuance => ({
  closeTime,
  dnsNames: ['api.c1.example.com', '*.apps.c1.example.com'],
  nameSet: `set-${closeTime}`,
  ...fields,
});

test('counts new certificates by account and domain, in ascending order', () => {
  const used = new Map(usedBefore([issuance(3), issuance(1), issuance(2, { dnsNames: ['x.example.org'] })]));
  expect(used.get('account')).toEqual([1, 2, 3]);
  expect(used.get('domain:example.com')).toEqual([1, 3]);
  expect(used.get('domain:example.org')).toEqual([2]);
});

test('counts renewals for their exact set only, and sets with one certificate not at all', () => {
  const renewals = [4, 5].map((at) => issuance(at, { nameSet: 'same', reason: 'RenewalDue' }));
  const used = new Map(usedBefore([...renewals, issuance(6, { reason: 'RenewalDue' })]));
  expect([...used]).toEqual([['exactSet:same', [4, 5]]]);
});

test('is bounded', () => {
  const domains = Array.from({ length: 30_000 }, (_, index) => issuance(index, { dnsNames: [`x.d${index}.test`] }));
  const used = usedBefore(domains);
  expect(used.flatMap(([, instants]) => instants).length).toBeLessThanOrEqual(40_000);
  expect(new Map(used).get('account')).toHaveLength(2_000);
});
