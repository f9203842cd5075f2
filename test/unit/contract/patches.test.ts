import { expect, test } from 'vitest';
import {
  FIRST_TASK,
  FULFILL_ORDER,
  FULFILL_WITH_PLACEMENT,
  givenPatches,
  PATCHES,
  PATCHES_IN_INPUT,
  patchesOfInput,
  patchesOfOrders,
  unknownPatches,
} from '../../../src/contract/patches.ts';

test.each([
  ['nothing', [], [FIRST_TASK, FULFILL_ORDER, FULFILL_WITH_PLACEMENT]],
  ['one of them', [FULFILL_ORDER], [FIRST_TASK, FULFILL_WITH_PLACEMENT]],
  ['a patch that no input has', ['order-moved'], [FIRST_TASK, FULFILL_ORDER, FULFILL_WITH_PLACEMENT]],
  ['that inputs have patches', [PATCHES_IN_INPUT], []],
])('with %s held back, a new cluster is given the others', (_what, heldBack, given) => {
  expect(givenPatches(heldBack)).toEqual(given);
});

test.each([
  ['of an earlier version', undefined, undefined],
  ['of this version', [FIRST_TASK, FULFILL_ORDER], [FIRST_TASK, FULFILL_ORDER]],
  ['of a worker that held all back', [], []],
  ['of a later version', [FULFILL_ORDER, 'of-a-later-version'], [FULFILL_ORDER]],
  ['with the same one many times', Array.from({ length: 10_000 }, () => FIRST_TASK), [FIRST_TASK]],
  ['with something else', [7, null, { length: 1 }, [FIRST_TASK]], []],
  ['that is a text', FULFILL_ORDER, undefined],
  ['that is a number', 7, undefined],
])('of an input %s, a run takes over what this version gives', (_what, given, taken) => {
  expect(patchesOfInput(given)).toEqual(taken);
});

test('an order has those that are of orders', () => {
  expect(patchesOfOrders(givenPatches())).toEqual([FULFILL_ORDER, FULFILL_WITH_PLACEMENT]);
});

test('what can be held back is known, and nothing else', () => {
  expect(unknownPatches([...PATCHES, PATCHES_IN_INPUT])).toEqual([]);
  expect(unknownPatches(['misspelled'])).toEqual(['misspelled']);
});
