import { describe, expect, it } from 'vitest';
import { parseRetryAfter } from '../../../src/failures/retry-after.ts';

const NOW = new Date('2026-03-01T12:00:00Z');

describe('Retry-After', () => {
  it('counts seconds from now', () => {
    expect(parseRetryAfter('90', NOW)).toEqual(new Date('2026-03-01T12:01:30Z'));
  });

  it('accepts an HTTP date', () => {
    expect(parseRetryAfter('Sun, 01 Mar 2026 15:00:00 GMT', NOW)).toEqual(new Date('2026-03-01T15:00:00Z'));
  });

  it.each([undefined, '', '0', '-5', 'soon', 'Sun, 01 Mar 2026 11:59:59 GMT', '1.5e400'])(
    'is undefined for %j',
    (header) => {
      expect(parseRetryAfter(header, NOW)).toBeUndefined();
    },
  );

  it('is at most two weeks', () => {
    expect(parseRetryAfter('999999999', NOW)).toEqual(new Date('2026-03-15T12:00:00Z'));
  });
});
