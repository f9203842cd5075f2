import { beforeEach, expect, test, vi } from 'vitest';
import { nextAttemptAt } from '../../../src/certificates/retry-schedule.ts';
import { CertmanError, type FailureInfo, failureInfo } from '../../../src/failures/failure.ts';
import { type IssuanceOfSet, RunawayGuard } from '../../../src/issuance/runaway-guard.ts';
import { MAX_ORDERS_PER_SET, nextAllowedAt, orderPeriodMs } from '../../../src/rate-limit/runaway-limit.ts';

const NOW = Date.parse('2026-12-01T12:00:00Z');
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const ORDER = { dnsNames: ['api.c1.example.com', '*.apps.c1.example.com'] };

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
  return () => vi.useRealTimers();
});

function issued(count: number, fields: Partial<IssuanceOfSet> = {}): readonly IssuanceOfSet[] {
  return Array.from({ length: count }, (_, index) => ({
    closeTime: NOW - (index + 1) * HOUR_MS,
    dnsNames: ORDER.dnsNames,
    cluster: 'one ns/c1',
    ...fields,
  }));
}

/** @param known what visibility has; undefined: it does not answer. */
function guardWith(known: readonly IssuanceOfSet[] | undefined) {
  const outcomes: string[] = [];
  const since: number[] = [];
  const guard = new RunawayGuard({
    // oxlint-disable-next-line require-yield -- one that fails yields nothing
    list: async function* list(_nameSet, closedSince) {
      since.push(closedSince);
      await Promise.resolve();
      if (known === undefined) throw new Error('no visibility');
      yield* known.filter(({ closeTime }) => closeTime >= closedSince);
    },
    onOutcome: (outcome) => outcomes.push(outcome),
  });
  const check = async (order: Parameters<RunawayGuard['require']>[0] = ORDER): Promise<FailureInfo | undefined> => {
    try {
      await guard.require(order, new AbortController().signal);
      return undefined;
    } catch (error) {
      if (error instanceof CertmanError) return error.info;
      throw error;
    }
  };
  return { guard, check, outcomes, since };
}

test('ten certificates for the same names are the most in a week, whatever ordered them', async () => {
  const { check } = guardWith(issued(9));
  expect(await check()).toBeUndefined();
  const known = [...issued(7), ...issued(3, { cluster: 'two ns/c1' })];
  const refused = await guardWith(known).check();
  expect(refused?.code).toBe('rateLimit/runaway');
  expect(refused?.message).toContain('10 certificates, ordered by one ns/c1 (7), two ns/c1 (3), within 7 days');
  expect(refused?.remedy).toContain('certman renew --exceed-limit');
  // The tenth newest leaves the week then.
  expect(refused?.notBefore).toBe(new Date(NOW - 7 * HOUR_MS + 7 * DAY_MS).toISOString());
});

test('of short-lived certificates there may be more', async () => {
  const { check, since } = guardWith(issued(10));
  expect(await check({ ...ORDER, lifetimeMs: 90 * DAY_MS })).toBeDefined();
  expect(await check({ ...ORDER, lifetimeMs: 9 * HOUR_MS })).toMatchObject({ code: 'rateLimit/runaway' });
  expect(await check({ ...ORDER, lifetimeMs: 6 * HOUR_MS })).toBeUndefined();
  expect(since).toEqual([NOW - 7 * DAY_MS, NOW - 11.25 * HOUR_MS, NOW - 7.5 * HOUR_MS]);
});

test('a person may exceed the bound, but not that of a worker', async () => {
  const { guard, check } = guardWith(issued(10));
  const exceeding = { ...ORDER, exceedLimit: true } as const;
  expect(await check(exceeding)).toBeUndefined();
  for (let count = 0; count < 60; count += 1) guard.ordered(ORDER);
  const refused = await check(exceeding);
  expect(refused).toMatchObject({ code: 'rateLimit/runaway', notBefore: new Date(NOW + DAY_MS).toISOString() });
  expect(refused?.message).toContain('60 orders by this worker, within 24 hours');
  expect(refused?.remedy).not.toContain('--exceed-limit');
  vi.setSystemTime(NOW + DAY_MS);
  expect(await check(exceeding)).toBeUndefined();
});

/** Instants of the orders of one cluster, all of which fail, from the renewal until three days after the expiry. */
function failingOrders(lifetimeMs: number, jitterKey: string): readonly number[] {
  const certificate = {
    notBefore: new Date(NOW).toISOString(),
    notAfter: new Date(NOW + lifetimeMs).toISOString(),
  };
  const failure = failureInfo({ code: 'acme/challengeFailed', message: 'refused' });
  const instants: number[] = [];
  let at = NOW + lifetimeMs - Math.min(45 * DAY_MS, lifetimeMs / 2);
  while (at < NOW + lifetimeMs + 3 * DAY_MS) {
    instants.push(at);
    at = nextAttemptAt(failure, instants.length, at, jitterKey, certificate);
  }
  return instants;
}

test.each([6 * HOUR_MS, DAY_MS, 160 * HOUR_MS, 45 * DAY_MS, 90 * DAY_MS])(
  'orders that all fail use half of the bound of a worker at most, for certificates of %i ms',
  (lifetimeMs) => {
    for (let cluster = 0; cluster < 50; cluster += 1) {
      const instants = failingOrders(lifetimeMs, `cluster ${cluster}`);
      for (const at of instants) {
        const before = instants.filter((one) => one <= at);
        expect(
          nextAllowedAt(before, MAX_ORDERS_PER_SET / 2 + 1, orderPeriodMs(lifetimeMs), at),
          `cluster ${cluster}`,
        ).toBeUndefined();
      }
    }
  },
);

test('where visibility does not answer, the orders of the worker count', async () => {
  const { guard, check, outcomes } = guardWith(undefined);
  for (let count = 0; count < 9; count += 1) guard.ordered(ORDER);
  expect(await check()).toBeUndefined();
  guard.ordered({ dnsNames: ['API.c1.example.com', '*.apps.c1.example.com'] });
  expect((await check())?.message).toContain('visibility does not answer');
  expect(await check({ dnsNames: ['api.c2.example.com'] })).toBeUndefined();
  vi.setSystemTime(NOW + 7 * DAY_MS);
  expect(await check()).toBeUndefined();
  expect(outcomes).toEqual(['unavailable', 'refused', 'unavailable', 'unavailable']);
});

test('other names with the same digest do not count', async () => {
  expect(await guardWith(issued(20, { dnsNames: ['api.other.example.com'] })).check()).toBeUndefined();
});
