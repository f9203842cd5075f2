import { describe, expect, it } from 'vitest';
import { NoncePool } from '../../../src/acme/session.ts';

describe('the nonce pool', () => {
  it('returns each nonce once, the newest first', () => {
    const pool = new NoncePool();
    pool.put('older');
    pool.put('newer');
    expect([pool.take(), pool.take(), pool.take()]).toEqual(['newer', 'older', undefined]);
  });

  it('drops old nonces', () => {
    let now = 0;
    const pool = new NoncePool(() => now);
    pool.put('nonce');
    now = 6 * 60_000;
    expect(pool.take()).toBeUndefined();
    expect(pool.size).toBe(0);
  });

  it.each([undefined, '', 'with space', 'pl+us', 'n'.repeat(300)])(
    'ignores %j, which is not a valid nonce',
    (nonce) => {
      const pool = new NoncePool();
      pool.put(nonce);
      expect(pool.size).toBe(0);
    },
  );

  it('is bounded', () => {
    const pool = new NoncePool();
    for (let count = 0; count < 1000; count += 1) pool.put(`n${count}`);
    expect(pool.size).toBe(256);
    expect(pool.take()).toBe('n999');
  });
});
