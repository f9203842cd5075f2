import { expect, test } from 'vitest';
import { fromSeconds, toDigits, toOptionalInteger, toSeconds } from '../../../src/cache/compact-value.ts';

const DATES = ['1970-01-01T00:00:00Z', '2026-11-30T12:00:00Z', '2026-11-30T12:00:00.001Z', '2026-11-30T12:00:00.999Z'];
const LATE_DATES = ['2038-01-19T03:14:07Z', '2038-01-19T03:14:08Z', '9999-12-31T23:59:59.999Z', '0001-01-01T00:00:00Z'];

test.each([...DATES, ...LATE_DATES])('the instant %s stays the same', (date) => {
  expect(fromSeconds(toSeconds(Date.parse(date)))).toBe(Date.parse(date));
});

test('no instant stays none', () => {
  expect(fromSeconds(toSeconds(undefined))).toBeUndefined();
});

test.each(['0', '1', '900000', '2147483647', '2147483648', '12345678901234567890'])('the digits %s stay', (text) => {
  expect(String(toDigits(text))).toBe(text);
});

test.each(['', '007', '-0', '+1', '1e3', ' 1', '1.0', 'x', '0x10', 'Infinity'])('%j, no digits, stays', (text) => {
  expect(toDigits(text)).toBe(text);
});

test.each([undefined, 0, -1, 1.5, 2 ** 31, Number.NaN])('the number %s stays', (value) => {
  expect(toOptionalInteger(value)).toBe(value);
});
