import { describe, expect, it } from 'vitest';
import { RecentlyTold } from '../../../../activities/watch/recently-told.ts';

describe('what was told', () => {
  it('is known until it must have shown, and not longer: perhaps nobody heard it', () => {
    const told = new RecentlyTold<string>();
    told.add('a', 'revoked', 1_100, 1_000);
    expect(told.of('a', 1_099)).toBe('revoked');
    expect(told.of('a', 1_100)).toBeUndefined();
    expect(told.of('b', 1_000)).toBeUndefined();
  });

  it('last is what counts', () => {
    const told = new RecentlyTold<string>();
    told.add('a', 'one', 1_100, 1_000);
    told.add('a', 'two', 1_300, 1_050);
    expect(told.of('a', 1_200)).toBe('two');
  });

  it('is let go of within a minute once its time is over, and nothing else is', () => {
    const told = new RecentlyTold<number>();
    for (let n = 0; n < 1_000; n += 1) told.add(`over-${n}`, n, 1_000, 0);
    for (let n = 0; n < 1_000; n += 1) told.add(`lasting-${n}`, n, 1_000_000, 60_000);
    expect(told.size).toBe(1_000);
    expect(told.of('lasting-0', 999_999)).toBe(0);
  });
});
