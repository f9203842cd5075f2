import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ResourceVersionCheckpoint } from '../../../src/controller/resource-version-checkpoint.ts';

describe('HandledPosition', () => {
  test('stays where it was until the first outstanding event is done', () => {
    const position = new ResourceVersionCheckpoint('10');
    const [first, second] = [position.begin('11'), position.begin('12')];
    second();
    expect(position.resourceVersion).toBe('10');
    first();
    expect(position.resourceVersion).toBe('12');
  });

  test('has none after the stream was lost, and what was outstanding then does not bring it back', () => {
    const position = new ResourceVersionCheckpoint('10');
    const late = position.begin('11');
    position.reset();
    late();
    expect(position.resourceVersion).toBeUndefined();
    position.begin('20')();
    expect(position.resourceVersion).toBe('20');
  });

  test('never passes an event that is not done, in whatever order they are', () => {
    const order = fc.uniqueArray(fc.nat({ max: 19 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(order, (finished) => {
        const position = new ResourceVersionCheckpoint(undefined);
        const done = Array.from({ length: 20 }, (_, index) => position.begin(String(index)));
        for (const index of finished) done[index]?.();
        const firstOpen =
          Array.from({ length: 20 }, (_, index) => index).find((index) => !finished.includes(index)) ?? 20;
        expect(position.resourceVersion).toBe(firstOpen === 0 ? undefined : String(firstOpen - 1));
      }),
    );
  });
});
