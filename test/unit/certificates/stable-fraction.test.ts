import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { stableFraction } from '../../../src/certificates/stable-fraction.ts';

test('the spread lies in [0, 1)', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(stableFraction(text)).toBeGreaterThanOrEqual(0);
      expect(stableFraction(text)).toBeLessThan(1);
    }),
  );
});

test('a fleet is spread evenly: a tenth of it in each tenth', () => {
  const tenths = Array.from({ length: 10 }, () => 0);
  for (let index = 0; index < 10_000; index += 1) {
    const tenth = Math.floor(stableFraction(`uhc-production-${index}/c${index}-primary-cert-bundle`) * 10);
    tenths[tenth] = (tenths[tenth] ?? 0) + 1;
  }
  // Six standard deviations of a fair draw.
  for (const count of tenths) expect(Math.abs(count - 1000)).toBeLessThan(180);
});
