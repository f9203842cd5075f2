import { describe, expect, test } from 'vitest';
import { computeDrill, type DrillCertificate, type DrillRate, rateOf } from '../../../src/campaigns/drill.ts';
import { nameSetDigest } from '../../../src/certificates/digest.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const NOW = Date.parse('2026-11-29T12:00:00Z');
const RATE: DrillRate = { perMinute: 10, source: 'stated' };

const certificate = (index: number, registeredDomain = 'example.com'): DrillCertificate => ({
  cluster: `ns/c${index}`,
  dnsNames: [`api.c${index}.${registeredDomain}`],
  ca: 'acme-v02.api.letsencrypt.org',
  registeredDomain,
  lifetimeMs: 90 * DAY_MS,
});
const fleet = (count: number): readonly DrillCertificate[] =>
  Array.from({ length: count }, (_, index) => certificate(index));
const run = (
  certificates: readonly DrillCertificate[],
  past: Parameters<typeof computeDrill>[1] = [],
  deadline = NOW + DAY_MS,
) => computeDrill(certificates, past, RATE, { now: NOW, deadline });

test('one after the other at the rate', () => {
  expect(run(fleet(100))).toMatchObject({
    certificates: 100,
    half: '2026-11-29T12:05:00.000Z',
    last: '2026-11-29T12:10:00.000Z',
    late: 0,
  });
});

test('by CA and domain, the largest first', () => {
  const { groups } = run([...fleet(3), certificate(7, 'example.org')]);
  expect(groups.map((group) => [group.registeredDomain, group.certificates, group.limited])).toEqual([
    ['example.com', 3, 0],
    ['example.org', 1, 0],
  ]);
});

test('a set of names that was issued five times this week waits for the limit, and is late', () => {
  const used = certificate(1);
  const nameSet = nameSetDigest(used.dnsNames);
  const past = [5, 4, 3, 2, 1].map((hours) => ({ at: NOW - hours * 60 * MINUTE_MS, nameSet }));
  const result = run(fleet(3), past);
  expect(result).toMatchObject({ late: 1, lateClusters: ['ns/c1'] });
  expect(result.groups[0]).toMatchObject({ limited: 1, last: result.last });
  expect(Date.parse(result.last)).toBeGreaterThan(NOW + DAY_MS);
  // Four leave one.
  expect(run(fleet(3), past.slice(1)).late).toBe(0);
});

test('a deadline that the rate does not keep', () => {
  expect(run(fleet(100), [], NOW + 5 * MINUTE_MS)).toMatchObject({ late: 50 });
});

describe('the rate', () => {
  const burst = (count: number) => Array.from({ length: count }, (_, index) => ({ at: NOW + index * 10 }));

  test('as stated, else that of the busiest ten minutes', () => {
    expect(rateOf(burst(5_000), 7)).toEqual({ perMinute: 7, source: 'stated' });
    const other = [{ at: NOW - DAY_MS }, ...burst(5_000), { at: NOW + DAY_MS }];
    expect(rateOf(other, undefined)).toEqual({ perMinute: 500, source: 'measured' });
  });

  test('is assumed where little was ordered', () => {
    expect(rateOf([], undefined)).toEqual({ perMinute: 60, source: 'assumed' });
    expect(rateOf(burst(20), undefined)).toEqual({ perMinute: 60, source: 'assumed' });
  });
});
