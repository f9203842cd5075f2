import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type LimitedOrder, NewOrderLimit } from '../../../src/acme/new-order-limit.ts';
import { errorFromResponse } from '../../../src/acme/problems.ts';
import { CertmanError } from '../../../src/failures/failure.ts';

const CA = 'ca.example';
const NOW = Date.parse('2026-01-01T00:00:00Z');
const NEW: LimitedOrder = { exempt: false };

function refusal(status: number, retryAfter: number, detail: string, now = NOW) {
  const data = { type: `urn:ietf:params:acme:error:${status === 503 ? 'serverInternal' : 'rateLimited'}`, detail };
  const answer = { status, headers: { 'retry-after': String(retryAfter) }, data };
  return errorFromResponse(CA, 'the new order', answer, new Date(now));
}

const ACCOUNT_LIMIT = 'too many new orders (300) from this account in the last 3h0m0s, retry after x';

/** Seconds after NOW at which an order may be placed; 0: now. */
function waitOf(ask: () => unknown): number {
  let error: unknown;
  try {
    error = ask();
  } catch (thrown) {
    error = thrown;
  }
  if (!(error instanceof CertmanError)) return 0;
  return (Date.parse(error.info.notBefore ?? '') - NOW) / 1000;
}

function refused(limit = new NewOrderLimit(), retryAfter = 30, detail = ACCOUNT_LIMIT) {
  const error = limit.onRefused(refusal(429, retryAfter, detail), NEW, NOW);
  return { limit, error, wait: waitOf(() => error) };
}

describe('after a refusal by the limit of the account', () => {
  test('each order gets a turn of its own, as far apart as the limit refills', () => {
    const { limit, error, wait } = refused();
    expect(error).toMatchObject({ code: 'rateLimit/newOrders' });
    const waits = [1, 2, 3].map(() => waitOf(() => limit.admit(CA, NEW, NOW)));
    expect([wait, ...waits]).toEqual([31, 67, 103, 139]);
  });

  test('the refill is the one that the CA states', () => {
    const detail = 'too many new orders (100000) from this account in the last 3h0m0s, retry after x';
    const { limit, wait } = refused(new NewOrderLimit(), 1, detail);
    expect(waitOf(() => limit.admit(CA, NEW, NOW)) - wait).toBeCloseTo(0.108, 5);
  });

  test('an order is placed at its turn, and waits on for it when it asks sooner', () => {
    const { limit } = refused();
    const turn = NOW + waitOf(() => limit.admit(CA, NEW, NOW)) * 1000;
    waitOf(() => limit.admit(CA, NEW, NOW));
    expect(waitOf(() => limit.admit(CA, { exempt: false, turn }, NOW + 1_000))).toBe((turn - NOW) / 1000);
    expect(waitOf(() => limit.admit(CA, { exempt: false, turn }, turn))).toBe(0);
    expect(waitOf(() => limit.admit(CA, NEW, turn))).toBeGreaterThan((turn - NOW) / 1000);
  });

  test('an order whose turn did not hold gets another one, after those of the others', () => {
    const { limit } = refused();
    const turn = NOW + waitOf(() => limit.admit(CA, NEW, NOW)) * 1000;
    const other = waitOf(() => limit.admit(CA, NEW, NOW));
    const error = limit.onRefused(refusal(429, 20, ACCOUNT_LIMIT, turn), { exempt: false, turn }, turn);
    expect(waitOf(() => error)).toBe(other + 36);
    // Nothing is sent before the instant that the CA states, whichever order's turn it is.
    expect(waitOf(() => limit.admit(CA, { exempt: false, turn: turn + 1 }, turn + 10_000))).toBe(other + 72);
  });

  test('renewals wait for no turn', () => {
    const { limit } = refused();
    expect(waitOf(() => limit.admit(CA, { exempt: true }, NOW))).toBe(0);
    const own = refusal(429, 30, ACCOUNT_LIMIT);
    expect(limit.onRefused(own, { exempt: true }, NOW)).toBe(own);
  });

  test('orders are placed again once every turn is over', () => {
    const { limit } = refused();
    expect(waitOf(() => limit.admit(CA, NEW, NOW + 68_000))).toBe(0);
  });
});

test('a refusal for the names of one order holds back no other', () => {
  const limit = new NewOrderLimit();
  const error = refusal(429, 30, 'too many certificates (50) already issued for "example.com" in the last 168h0m0s');
  expect(limit.onRefused(error, NEW, NOW)).toBe(error);
  expect(waitOf(() => limit.admit(CA, NEW, NOW))).toBe(0);
});

test('a pause of the CA holds back renewals too, without turns', () => {
  const limit = new NewOrderLimit();
  const error = refusal(503, 60, 'maintenance');
  expect(limit.onRefused(error, NEW, NOW)).toBe(error);
  for (const order of [NEW, NEW, { exempt: true }]) expect(waitOf(() => limit.admit(CA, order, NOW))).toBe(60);
  expect(() => limit.admit(CA, NEW, NOW)).toThrow(expect.objectContaining({ code: 'acme/serverError' }));
  expect(waitOf(() => limit.admit(CA, NEW, NOW + 60_000))).toBe(0);
});

test('no two orders get the same instant, and none one before the CA’s', () => {
  const ask = fc.record({
    after: fc.integer({ min: 0, max: 5_000 }),
    refusedFor: fc.option(fc.integer({ min: 1, max: 90 })),
  });
  fc.assert(
    fc.property(fc.array(ask, { minLength: 1, maxLength: 60 }), (asks) => {
      const { limit } = refused();
      const turns: number[] = [];
      let now = NOW;
      let until = NOW + 30_000;
      for (const { after, refusedFor } of asks) {
        now += after;
        if (refusedFor !== null) until = Math.max(until, now + refusedFor * 1000);
        const wait = waitOf(() =>
          refusedFor === null
            ? limit.admit(CA, NEW, now)
            : limit.onRefused(refusal(429, refusedFor, ACCOUNT_LIMIT, now), NEW, now),
        );
        if (wait === 0) continue;
        expect(NOW + wait * 1000).toBeGreaterThan(until);
        turns.push(wait);
      }
      expect(new Set(turns).size).toBe(turns.length);
    }),
  );
});
