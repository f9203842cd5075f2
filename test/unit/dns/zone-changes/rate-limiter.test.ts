import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Precedence, RequestRateLimiter } from '../../../../src/dns/zone-changes/rate-limiter.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance', 'Date', 'setTimeout'] }));
afterEach(() => void vi.useRealTimers());

/** When each of `count` turns came, in milliseconds. */
async function turns(limiter: RequestRateLimiter, count: number): Promise<readonly number[]> {
  const start = performance.now();
  const came: number[] = [];
  const waiting = Array.from({ length: count }, async () => {
    await limiter.acquire('change');
    came.push(Math.round(performance.now() - start));
  });
  await vi.advanceTimersByTimeAsync(20_000);
  await Promise.all(waiting);
  return came;
}

describe('the queue of an AWS account', () => {
  it('lets a second’s worth pass at once and spaces out the rest', async () => {
    expect(await turns(new RequestRateLimiter(5), 8)).toEqual([0, 0, 0, 0, 0, 200, 400, 600]);
  });

  it('starts afresh after an idle second', async () => {
    const limiter = new RequestRateLimiter(5);
    await turns(limiter, 5);
    expect(await turns(limiter, 5)).toEqual([0, 0, 0, 0, 0]);
  });

  it('keeps a rate below one a second', async () => {
    expect(await turns(new RequestRateLimiter(0.5), 3)).toEqual([0, 2_000, 4_000]);
  });

  it('delays every caller after throttling', async () => {
    const limiter = new RequestRateLimiter(5);
    limiter.backOff(1_000);
    expect((await turns(limiter, 2))[0]).toBe(1_000);
  });

  it('serves what is begun before what is not, whichever came first', async () => {
    const limiter = new RequestRateLimiter(1);
    const served: Precedence[] = [];
    const asked: readonly Precedence[] = ['change', 'sweep', 'poll', 'read', 'next'];
    for (const precedence of asked) void limiter.acquire(precedence).then(() => served.push(precedence));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(served).toEqual(['change', 'next', 'poll', 'read', 'sweep']);
  });

  it('lets few wait, gives the others a turn each, and rejects those that come last in order', async () => {
    const limiter = new RequestRateLimiter(5);
    const { maxWaiting } = limiter;
    const reads = Array.from({ length: maxWaiting + 15 }, () => limiter.acquire('read'));
    const changes = Array.from({ length: 5 }, () => limiter.acquire('change'));
    const results = Promise.allSettled([...reads, ...changes]);
    const now = Date.now();
    await vi.advanceTimersByTimeAsync(10_000);
    const outcomes = await results;
    const told = outcomes.flatMap((outcome) =>
      outcome.status === 'rejected' ? [(Date.parse(outcome.reason.info.notBefore) - now) / 200] : [],
    );
    expect(outcomes.slice(-5).map(({ status }) => status)).toEqual(Array(5).fill('fulfilled'));
    expect(told).toHaveLength(15);
    expect(new Set(told.map(Math.round)).size).toBe(15);
    expect(Math.min(...told)).toBeGreaterThan(maxWaiting - 2);
    expect(Math.max(...told)).toBeLessThan(maxWaiting + 17);
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'dns/queued' } });
  });
});
