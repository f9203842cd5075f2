import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Route53RateLimiter } from '../../../../src/dns/route53/rate-limiter.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance', 'Date', 'setTimeout'] }));
afterEach(() => void vi.useRealTimers());

/** When each of `count` turns came, in milliseconds. */
async function turns(limiter: Route53RateLimiter, count: number): Promise<readonly number[]> {
  const start = performance.now();
  const came: number[] = [];
  const waiting = Array.from({ length: count }, async () => {
    await limiter.acquire();
    came.push(Math.round(performance.now() - start));
  });
  await vi.advanceTimersByTimeAsync(20_000);
  await Promise.all(waiting);
  return came;
}

describe('the queue of an AWS account', () => {
  it('lets a second’s worth pass at once and spaces out the rest', async () => {
    expect(await turns(new Route53RateLimiter(5), 8)).toEqual([0, 0, 0, 0, 0, 200, 400, 600]);
  });

  it('starts afresh after an idle second', async () => {
    const limiter = new Route53RateLimiter(5);
    await turns(limiter, 5);
    expect(await turns(limiter, 5)).toEqual([0, 0, 0, 0, 0]);
  });

  it('keeps a rate below one a second', async () => {
    expect(await turns(new Route53RateLimiter(0.5), 3)).toEqual([0, 2_000, 4_000]);
  });

  it('delays every caller after throttling', async () => {
    const limiter = new Route53RateLimiter(5);
    limiter.backOff(1_000);
    expect((await turns(limiter, 2))[0]).toBe(1_000);
  });

  it('rejects a caller whose turn is too far off, with a time to retry', async () => {
    const limiter = new Route53RateLimiter(1);
    const waiting = Array.from({ length: 30 }, () => limiter.acquire());
    const results = Promise.allSettled(waiting);
    await vi.advanceTimersByTimeAsync(60_000);
    const refused = (await results).filter((result) => result.status === 'rejected');
    expect(refused).toHaveLength(14);
    expect(refused[0]?.reason).toMatchObject({ info: { code: 'dns/throttled', notBefore: expect.any(String) } });
  });
});
