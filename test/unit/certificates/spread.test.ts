import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { fractionOf } from '../../../src/certificates/spread.ts';

test('the spread lies in [0, 1)', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(fractionOf(text)).toBeGreaterThanOrEqual(0);
      expect(fractionOf(text)).toBeLessThan(1);
    }),
  );
});

test('a fleet is spread evenly: a tenth of it in each tenth', () => {
  const tenths = Array.from({ length: 10 }, () => 0);
  for (let index = 0; index < 10_000; index += 1) {
    const tenth = Math.floor(fractionOf(`uhc-production-${index}/c${index}-primary-cert-bundle`) * 10);
    tenths[tenth] = (tenths[tenth] ?? 0) + 1;
  }
  // Six standard deviations of a fair draw.
  for (const count of tenths) expect(Math.abs(count - 1000)).toBeLessThan(180);
});
