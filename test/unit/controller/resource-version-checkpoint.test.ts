import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ResourceVersionCheckpoint } from '../../../src/controller/resource-version-checkpoint.ts';

describe('a checkpoint', () => {
  test('does not advance before the first unfinished event is done', () => {
    const checkpoint = new ResourceVersionCheckpoint('10');
    const [first, second] = [checkpoint.begin('11'), checkpoint.begin('12')];
    second();
    expect(checkpoint.resourceVersion).toBe('10');
    first();
    expect(checkpoint.resourceVersion).toBe('12');
  });

  test('has no resourceVersion after a reset, and events from before it do not bring one back', () => {
    const checkpoint = new ResourceVersionCheckpoint('10');
    const late = checkpoint.begin('11');
    checkpoint.reset();
    late();
    expect(checkpoint.resourceVersion).toBeUndefined();
    checkpoint.begin('20')();
    expect(checkpoint.resourceVersion).toBe('20');
  });

  test('never passes an unfinished event, in whatever order they finish', () => {
    const order = fc.uniqueArray(fc.nat({ max: 19 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(order, (finished) => {
        const checkpoint = new ResourceVersionCheckpoint(undefined);
        const done = Array.from({ length: 20 }, (_, index) => checkpoint.begin(String(index)));
        for (const index of finished) done[index]?.();
        const firstUnfinished =
          Array.from({ length: 20 }, (_, index) => index).find((index) => !finished.includes(index)) ?? 20;
        expect(checkpoint.resourceVersion).toBe(firstUnfinished === 0 ? undefined : String(firstUnfinished - 1));
      }),
    );
  });
});
