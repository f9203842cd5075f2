import { afterEach, describe, expect, it, vi } from 'vitest';
import { NoncePool } from '../../../src/acme/nonce-pool.ts';
import { holdPerformanceClock } from '../../support/vitest/performance-clock.ts';

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function drain(pool: NoncePool): string[] {
  const nonces: string[] = [];
  for (let nonce = pool.take(); nonce !== undefined; nonce = pool.take()) nonces.push(nonce);
  return nonces;
}

describe('the nonce pool', () => {
  it('returns each nonce once, the newest first', () => {
    const pool = new NoncePool();
    pool.put('older');
    pool.put('newer');
    expect([pool.take(), pool.take(), pool.take()]).toEqual(['newer', 'older', undefined]);
  });

  it('drops old nonces', () => {
    const clock = holdPerformanceClock();
    const pool = new NoncePool();
    pool.put('nonce');
    clock.advance(6 * 60_000);
    expect(pool.take()).toBeUndefined();
    pool.put('recent');
    expect(drain(pool)).toEqual(['recent']);
  });

  it.each([undefined, '', 'with space', 'pl+us', 'n'.repeat(300)])(
    'ignores %j, which is not a valid nonce',
    (nonce) => {
      const pool = new NoncePool();
      pool.put(nonce);
      expect(drain(pool)).toEqual([]);
    },
  );

  it('is bounded', () => {
    const pool = new NoncePool();
    for (let count = 0; count < 1000; count += 1) pool.put(`n${count}`);
    const nonces = drain(pool);
    expect(nonces).toHaveLength(256);
    expect(nonces[0]).toBe('n999');
  });
});
