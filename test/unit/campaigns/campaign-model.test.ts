import { describe, expect, test } from 'vitest';
import { expectedEnd, isAnswered, isReplaced, isSettled } from '../../../src/campaigns/expectation.ts';
import {
  addCounts,
  type CampaignCounts,
  type CampaignOutcome,
  countOutcomes,
  countsText,
  isExpectedLater,
  NO_COUNTS,
  totalOf,
} from '../../../src/campaigns/outcome.ts';
import { canonicalSerial, parseSerials } from '../../../src/campaigns/serial-number.ts';
import { exceedsThreshold, thresholdText } from '../../../src/campaigns/stop-threshold.ts';
import { isCampaignRequest } from '../../../src/contract/campaign-request.ts';

const counts = (some: Partial<CampaignCounts>): CampaignCounts => ({ ...NO_COUNTS, ...some });
const AT = '2026-11-29T12:00:00Z';
const REPLACED: CampaignOutcome = { kind: 'replaced', serialNumber: '1', at: AT };

describe('counts', () => {
  test('by outcome; those without one are pending before their wave begins, and requested after', () => {
    const outcomes = [undefined, REPLACED, { kind: 'skipped', message: 'gone' } as const];
    expect(countOutcomes(outcomes, false)).toEqual(counts({ pending: 1, replaced: 1, skipped: 1 }));
    expect(countOutcomes(outcomes, true)).toEqual(counts({ requested: 1, replaced: 1, skipped: 1 }));
  });

  test('add up, and are shown without those of which there are none', () => {
    const sum = addCounts([counts({ replaced: 2, failing: 1 }), counts({ replaced: 3, pending: 4 })]);
    expect(sum).toEqual(counts({ replaced: 5, failing: 1, pending: 4 }));
    expect(totalOf(sum)).toBe(10);
    expect(countsText(sum)).toBe('4 pending, 5 replaced, 1 failing');
    expect(countsText(NO_COUNTS)).toBe('none');
  });

  test.each<readonly [string, Partial<CampaignCounts>, boolean, boolean, boolean]>([
    ['replaced and skipped', { replaced: 2, skipped: 1 }, true, true, true],
    ['one is revoked later', { replaced: 2, revoking: 1 }, true, true, false],
    ['one fails', { replaced: 2, failing: 1 }, true, false, false],
    ['one is blocked', { blocked: 1 }, true, false, false],
    ['one waits', { waiting: 1 }, true, false, false],
    ['one is under way', { requested: 1, replaced: 5 }, false, false, false],
  ])('%s', (_what, some, answered, replaced, settled) => {
    expect(isAnswered(counts(some))).toBe(answered);
    expect(isReplaced(counts(some))).toBe(replaced);
    expect(isSettled(counts(some))).toBe(settled);
  });
});

test('what is answered for at a later instant is expected then', () => {
  const now = Date.parse(AT);
  const revoking = (until: string): CampaignOutcome => ({ kind: 'revoking', serialNumber: '1', at: AT, until });
  expect(isExpectedLater(revoking('2026-11-29T12:00:01Z'), now)).toBe(true);
  expect(isExpectedLater({ kind: 'waiting', until: '2026-11-29T13:00:00Z', message: 'others first' }, now)).toBe(true);
  expect(isExpectedLater(revoking(AT), now)).toBe(false);
  expect(isExpectedLater({ kind: 'blocked', message: 'paused' }, now)).toBe(false);
  expect(isExpectedLater(undefined, now)).toBe(false);
});

describe('a request from any client of the namespace', () => {
  const request = { campaign: 'c', wave: 'campaign/hive/c/0', item: 0, bundleName: 'b', serialNumber: '1' };
  const revocation = { reason: 4, delayMs: 0 };

  test.each<readonly [string, unknown, boolean]>([
    ['without a revocation', request, true],
    ['with one', { ...request, revocation }, true],
    ['with a latest instant', { ...request, revocation: { ...revocation, latestAt: AT } }, true],
    ['nothing', undefined, false],
    ['a bundle that is no text', { ...request, bundleName: 7 }, false],
    ['no item', { ...request, item: undefined }, false],
    ['a reason that is none', { ...request, revocation: { ...revocation, reason: 2 } }, false],
    ['a delay that is no number', { ...request, revocation: { ...revocation, delayMs: '1h' } }, false],
    ['a delay without end', { ...request, revocation: { ...revocation, delayMs: Number.POSITIVE_INFINITY } }, false],
    ['an instant that is none', { ...request, revocation: { ...revocation, latestAt: 'soon' } }, false],
  ])('%s', (_what, signal, expected) => {
    expect(isCampaignRequest(signal)).toBe(expected);
  });
});

describe('the threshold', () => {
  test.each<readonly [string, Partial<CampaignCounts>, Parameters<typeof exceedsThreshold>[1], number, boolean]>([
    ['a number is reached', { failing: 3, replaced: 100 }, { count: 3 }, 0, true],
    ['a number is not reached', { failing: 2, replaced: 100 }, { count: 3 }, 0, false],
    ['a share is reached', { failing: 5, replaced: 95 }, { share: 0.05 }, 0, true],
    [
      'a share of those that were asked for, not of all',
      { failing: 5, replaced: 95, pending: 9_000 },
      { share: 0.05 },
      0,
      true,
    ],
    ['a share is not reached', { failing: 4, replaced: 96 }, { share: 0.05 }, 0, false],
    ['a share of few counts as of twenty', { failing: 1, replaced: 1 }, { share: 0.1 }, 0, false],
    ['accepted failures do not count', { failing: 5, replaced: 95 }, { share: 0.05 }, 5, false],
    ['more than the accepted ones', { failing: 8, replaced: 92 }, { count: 3 }, 5, true],
    ['none fails', { replaced: 5 }, { share: 0.01 }, 0, false],
  ])('%s', (_what, some, threshold, accepted, stops) => {
    expect(exceedsThreshold(counts(some), threshold, accepted)).toBe(stops);
  });

  test('is shown', () => {
    expect([thresholdText({ count: 3 }), thresholdText({ share: 0.025 })]).toEqual(['3 failures', '2.5 % failures']);
  });
});

describe('the expected end', () => {
  test.each<readonly [string, Parameters<typeof expectedEnd>[0], number | undefined]>([
    ['by the rate so far', { counts: counts({ replaced: 10, pending: 20 }), activeMs: 1_000, now: 5_000 }, 7_000],
    [
      'those to be revoked later are replaced',
      { counts: counts({ revoking: 10, pending: 10 }), activeMs: 1_000, now: 0 },
      1_000,
    ],
    [
      'not before one may order',
      { counts: counts({ replaced: 9, waiting: 1 }), activeMs: 9, now: 9, waitsUntil: 70 },
      70,
    ],
    ['nothing is known yet', { counts: counts({ pending: 10 }), activeMs: 1_000, now: 5_000 }, undefined],
    ['nothing is left', { counts: counts({ replaced: 10, failing: 1 }), activeMs: 1_000, now: 5_000 }, undefined],
  ])('%s', (_what, progress, expected) => {
    expect(expectedEnd(progress)).toBe(expected);
  });
});

describe('a serial number', () => {
  test.each([
    ['4660', '4660'],
    ['0004660', '4660'],
    ['0x1234', '4660'],
    ['12:34', '4660'],
    [' 0A:FF ', '2815'],
    ['03ab', '939'],
    ['nonsense', undefined],
    ['', undefined],
    ['12 34', undefined],
    ['f'.repeat(43), undefined],
  ])('%s is %s', (text, expected) => {
    expect(canonicalSerial(text)).toBe(expected);
  });

  test('of a file: one a line, with comments', () => {
    expect(parseSerials('# of the CA\n12:34\r\n\n4661 # the second\nwrong line\n4660\n')).toEqual({
      serials: new Set(['4660', '4661']),
      wrong: ['wrong line'],
    });
  });
});
