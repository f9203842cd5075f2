import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ZoneAdmission } from '../../../../src/dns/route53/zone-admission.ts';
import { RequestRateLimiter } from '../../../../src/dns/zone-changes/rate-limiter.ts';
import { CertmanError } from '../../../../src/failures/failure.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance', 'Date', 'setTimeout'] }));
afterEach(() => void vi.useRealTimers());

/** @returns 0 when the zone may begin, else in how many milliseconds it is to come again. */
function ask(admission: ZoneAdmission, zone: string, since = 0): number {
  try {
    admission.enter(zone, since);
    return 0;
  } catch (error) {
    if (!(error instanceof CertmanError) || error.info.notBefore === undefined) throw error;
    expect(error.code).toBe('dns/queued');
    return Date.parse(error.info.notBefore) - Date.now();
  }
}

/** Lets as many zones begin as may be in flight, at their pace, and sends their changes. */
async function fill(admission: ZoneAdmission): Promise<void> {
  for (let n = 0; n < 100; n++) {
    expect(ask(admission, `in flight ${n}`)).toBe(0);
    admission.sent(`in flight ${n}`);
    await vi.advanceTimersByTimeAsync(700);
  }
}

describe('zones of one account', () => {
  it('begin while few requests wait, and the others get a turn each', () => {
    const admission = new ZoneAdmission(new RequestRateLimiter(5));
    const waits = Array.from({ length: 100 }, (_, n) => ask(admission, `z${n}`, n));
    const begun = waits.filter((wait) => wait === 0).length;
    expect(begun).toBe(10);
    expect(waits.slice(begun)).toEqual(waits.slice(begun).toSorted((a, b) => a - b));
    // 100 orders at 3.5 requests, 5 a second.
    expect(waits.at(-1)).toBeGreaterThan(50_000);
    expect(waits.at(-1)).toBeLessThan(70_000);
  });

  it('are changed a bounded number at once', async () => {
    const admission = new ZoneAdmission(new RequestRateLimiter(5));
    await fill(admission);
    expect(ask(admission, 'late')).toBeGreaterThan(0);
    admission.leave('in flight 7');
    expect(ask(admission, 'late')).toBe(0);
  });

  it('begin in the order in which their orders began to wait, on whichever worker', async () => {
    const admission = new ZoneAdmission(new RequestRateLimiter(5));
    await fill(admission);
    ask(admission, 'second', 2);
    ask(admission, 'third', 3);
    ask(admission, 'first', 1);
    await vi.advanceTimersByTimeAsync(3_000);
    admission.leave('in flight 99');
    expect(ask(admission, 'new', 4)).toBeGreaterThan(0);
    expect(ask(admission, 'second', 2)).toBeGreaterThan(0);
    expect(ask(admission, 'first', 1)).toBe(0);
  });

  it('begin after requests of begun orders', async () => {
    const limiter = new RequestRateLimiter(5);
    const admission = new ZoneAdmission(limiter);
    const polls = Array.from({ length: 15 }, () => limiter.acquire('poll'));
    expect(ask(admission, 'a')).toBeGreaterThan(0);
    await vi.advanceTimersByTimeAsync(5_000);
    await Promise.all(polls);
    expect(ask(admission, 'a')).toBe(0);
  });

  it('need no second place while their change is under way', async () => {
    const admission = new ZoneAdmission(new RequestRateLimiter(5));
    await fill(admission);
    expect(ask(admission, 'in flight 3')).toBe(0);
  });

  it('lose a place that they do not come back for, in flight or in the line', async () => {
    const admission = new ZoneAdmission(new RequestRateLimiter(5));
    await fill(admission);
    expect(ask(admission, 'gone', 1)).toBeGreaterThan(0);
    await vi.advanceTimersByTimeAsync(100_000);
    expect(ask(admission, 'next', 2)).toBe(0);
  });

  it('get shorter waits when orders turn out to need fewer requests', async () => {
    const limiter = new RequestRateLimiter(5);
    const admission = new ZoneAdmission(limiter);
    const lastWait = () => Array.from({ length: 100 }, (_, n) => ask(admission, `z${n}`, n)).at(-1) ?? 0;
    const before = lastWait();
    for (let n = 0; n < 10; n++) admission.leave(`z${n}`);
    for (let n = 0; n < 200; n++) {
      await limiter.acquire('change');
      await vi.advanceTimersByTimeAsync(700);
      expect(ask(admission, `short ${n}`, -1)).toBe(0);
      admission.leave(`short ${n}`);
    }
    expect(lastWait()).toBeLessThan(before * 0.7);
  });
});
