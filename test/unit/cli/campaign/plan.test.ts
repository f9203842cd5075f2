import { describe, expect, test } from 'vitest';
import {
  deadlineOf,
  defaultName,
  parseCampaignName,
  parseThreshold,
  revocationOf,
  wavePlanOf,
  waveSizesOf,
  wavesOf,
} from '../../../../src/cli/campaign/plan.ts';

const NOW = Date.parse('2026-11-29T21:05:07Z');
const HOUR_MS = 3_600_000;

describe('waves', () => {
  test.each([
    [1, 1],
    [50, 1],
    [500, 5],
    [10_000, 10],
  ])('the canary of %i certificates has %i', (total, canary) => {
    expect(wavePlanOf(waveSizesOf({}), total)).toEqual({ canary, size: 100 });
  });

  test('hold each certificate once, the canary first', () => {
    const items = Array.from({ length: 25 }, (_, index) => index);
    const waves = wavesOf(items, { canary: 2, size: 10 });
    expect(waves.map(({ length }) => length)).toEqual([2, 10, 10, 3]);
    expect(waves.flat()).toEqual(items);
    expect(wavesOf(items, { canary: 0, size: 25 })).toEqual([items]);
    expect(wavesOf([1], { canary: 1, size: 10 })).toEqual([[1]]);
  });

  test.each([
    [{ wave: '0' }, '--wave is "0"; expected a number from 1 to 250'],
    [{ wave: '251' }, '--wave is "251"; expected a number from 1 to 250'],
    [{ canary: 'all' }, '--canary is "all"; expected a number from 0 to 250'],
  ])('%o is refused before certificates are selected', (options, message) => {
    expect(() => waveSizesOf(options)).toThrow(message);
  });

  test('too many of them are refused', () => {
    expect(() => wavePlanOf(waveSizesOf({ wave: '10' }), 10_000)).toThrow('expected a larger --wave');
  });
});

test('the threshold is a number or a share', () => {
  expect(parseThreshold(undefined)).toEqual({ share: 0.05 });
  expect(parseThreshold('12')).toEqual({ count: 12 });
  expect(parseThreshold('2.5%')).toEqual({ share: 0.025 });
  for (const wrong of ['0', '0%', '101%', '-1', 'some', ''])
    expect(() => parseThreshold(wrong)).toThrow('expected a number of failures from 1, or a share such as 5%');
});

test('the deadline is 24 hours for a replacement, a week for a renewal, or what is stated', () => {
  expect(deadlineOf('replace', {}, NOW)).toBe(NOW + 24 * HOUR_MS);
  expect(deadlineOf('renew', {}, NOW)).toBe(NOW + 7 * 24 * HOUR_MS);
  expect(deadlineOf('renew', { deadline: '20h' }, NOW)).toBe(NOW + 20 * HOUR_MS);
  expect(deadlineOf('renew', { deadline: '2026-11-30T00:00:00Z' }, NOW)).toBe(Date.parse('2026-11-30T00:00:00Z'));
  expect(() => deadlineOf('renew', { deadline: '2026-11-28T00:00:00Z' }, NOW)).toThrow('has passed');
  expect(() => deadlineOf('renew', { deadline: '31d' }, NOW)).toThrow('within 30 days');
  expect(() => deadlineOf('renew', { deadline: '20' }, NOW)).toThrow('expected an instant');
});

test('only a replacement revokes: at once where the key is compromised, else once Hive had its time and it is served', () => {
  const deadline = NOW + 24 * HOUR_MS;
  const latestAt = '2026-11-30T21:05:07.000Z';
  expect(revocationOf('renew', {}, deadline)).toBeUndefined();
  expect(revocationOf('replace', { reason: 'keyCompromise' }, deadline)).toEqual({ reason: 1, delayMs: 0 });
  expect(revocationOf('replace', { reason: 'superseded', revokeAfter: '0s' }, deadline)).toEqual({
    reason: 4,
    delayMs: 0,
  });
  expect(revocationOf('replace', { reason: 'superseded' }, deadline)).toEqual({
    reason: 4,
    delayMs: 3 * HOUR_MS,
    latestAt,
  });
  expect(revocationOf('replace', { reason: 'keyCompromise', revokeAfter: '10m' }, deadline)).toEqual({
    reason: 1,
    delayMs: 600_000,
    latestAt,
  });
  expect(() => revocationOf('replace', {}, deadline)).toThrow('replace needs --reason');
  expect(() => revocationOf('rekey', { reason: 'superseded' }, deadline)).toThrow('rekey revokes nothing');
  expect(() => revocationOf('replace', { reason: 'superseded', revokeAfter: 'later' }, deadline)).toThrow(
    '--revoke-after',
  );
});

test('names', () => {
  expect(defaultName('replace', NOW)).toBe('replace-20261129-210507');
  expect(parseCampaignName(defaultName('replace', NOW))).toBe('replace-20261129-210507');
  for (const wrong of ['', 'A', 'a/b', '-a', 'a'.repeat(64)])
    expect(() => parseCampaignName(wrong)).toThrow('is no name of a campaign');
});
