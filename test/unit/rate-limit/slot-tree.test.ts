import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { FREE, SlotTree, USED } from '../../../src/rate-limit/slot-tree.ts';

const step = fc.record({
  index: fc.integer({ min: -20, max: 400 }),
  key: fc.constantFrom(FREE, USED, 0, 1, 2, 3),
  from: fc.integer({ min: -20, max: 500 }),
  above: fc.integer({ min: -1, max: 4 }),
  forget: fc.option(fc.integer({ min: 1, max: 60 }), { freq: 8, nil: 0 }),
});

test('finds and counts what a list of all slots would', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const tree = new SlotTree();
      tree.reset(-20);
      const slots = new Map<number, number>();
      let start = -20;
      for (const { index, key, from, above, forget } of steps) {
        start += forget;
        tree.forgetBefore(start);
        if (index >= start) {
          tree.set(index, key);
          slots.set(index, key);
        }
        const asked = Math.max(from, start);
        let first = asked;
        while ((slots.get(first) ?? FREE) <= above) first += 1;
        expect(tree.firstAbove(asked, above)).toBe(first);
        const held = [...slots].filter(([at, one]) => at >= start && one >= 0 && one !== FREE).map(([at]) => at);
        const forgotten = [...slots].filter(
          ([at, one]) => at < start && one >= 0 && one !== FREE && tree.key(at) === one,
        );
        expect(tree.heldBefore(asked)).toBe(held.filter((at) => at < asked).length + forgotten.length);
        expect(tree.held).toBe(held.length + forgotten.length);
      }
    }),
  );
});
