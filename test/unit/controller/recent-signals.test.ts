import { describe, expect, it } from 'vitest';
import { RecentSignals } from '../../../src/controller/recent-signals.ts';

describe('what was told', () => {
  it('is known until it must have shown, and not longer: perhaps nobody heard it', () => {
    const told = new RecentSignals<string>(100);
    told.add('a', 'revoked', 1_000);
    expect(told.get('a', 1_099)).toBe('revoked');
    expect(told.get('a', 1_100)).toBeUndefined();
    expect(told.get('b', 1_000)).toBeUndefined();
  });

  it('last is what counts', () => {
    const told = new RecentSignals<string>(250);
    told.add('a', 'one', 850);
    told.add('a', 'two', 1_050);
    expect(told.get('a', 1_200)).toBe('two');
  });

  it('is let go of within a minute once its time is over, and nothing else is', () => {
    const told = new RecentSignals<number>(1_000);
    for (let n = 0; n < 1_000; n += 1) told.add(`over-${n}`, n, 0);
    for (let n = 0; n < 1_000; n += 1) told.add(`lasting-${n}`, n, 60_000);
    expect(told.size).toBe(1_000);
    expect(told.get('lasting-0', 60_999)).toBe(0);
  });
});
