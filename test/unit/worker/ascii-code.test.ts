/** Code whose text is ASCII does the same. */
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { asciiCode } from '../../../src/worker/ascii-code.ts';

it.each([
  ["'cut… – 5 §'", 'cut… – 5 §'],
  // Two UTF-16 units, and one that is not a pair.
  ['`${1}🔒` + "\ud800"', '1🔒\ud800'],
  ["/^[–…]+$/.test('…–') && /./u.test('🔒')", true],
  ["/* naïve → */ 'é\\n' // ü", 'é\n'],
])('%s', (code, value) => {
  const ascii = asciiCode(code);
  expect(ascii).toMatch(/^[\0-\x7f]*$/);
  expect(runInNewContext(ascii)).toBe(value);
});
