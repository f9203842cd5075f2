import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { budgetsText } from '../../../src/cli/budget/budgets-text.ts';
import type { BudgetStatus } from '../../../src/contract/ca-budget.ts';

const NOW = Date.parse('2026-12-01T12:00:00Z');
const HOUR_MS = 3_600_000;

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
});
afterEach(() => {
  vi.useRealTimers();
});

const STATUS: BudgetStatus = {
  caHost: 'ca.test',
  accountUrl: 'https://ca.test/acct/1',
  usage: [
    { scope: 'account', burst: 294, left: 245, nextFree: NOW, intervalMs: 1, waiting: 0 },
    { scope: 'domain:example.com', burst: 49, left: 0, nextFree: NOW + 3 * HOUR_MS, intervalMs: 1, waiting: 2 },
    { scope: 'exactSet:0123456789abcdef', burst: 5, left: 4, nextFree: NOW, intervalMs: 1, waiting: 0 },
  ],
  limits: 12,
  queue: [
    {
      id: 'cluster/hive/ns/c1/uid#primary',
      urgency: 'renewal',
      at: NOW + 3 * HOUR_MS,
      scope: 'domain:example.com',
    },
  ],
  waiting: 2,
};

test('shows what is used and left, and who waits until when', () => {
  expect(budgetsText({ budgets: [{ workflowId: 'budget/ca.test/1', status: STATUS }] })).toBe(
    [
      'ca.test, account https://ca.test/acct/1',
      '',
      'LIMIT                           USED  LEFT  NEXT FREE                      WAITING',
      'new orders of the account       49    245   now                            0',
      'certificates below example.com  49    0     2026-12-01 15:00:00Z (in 3 h)  2',
      'exact set 0123456789abcdef      1     4     now                            0',
      'and 9 more of which more is left',
      '',
      '   ORDERED                        CERTIFICATE           URGENCY  WAITS FOR',
      '1  2026-12-01 15:00:00Z (in 3 h)  hive ns/c1 (primary)  renewal  example.com',
      'and 1 more later',
    ].join('\n'),
  );
});

test('lists sets of names that were issued again and again', () => {
  const last = new Date(NOW - HOUR_MS).toISOString();
  const sets = [
    { dnsNames: ['api.c1.example.com', '*.apps.c1.example.com'], certificates: 10, last },
    { dnsNames: ['one.example.com'], certificates: 5, last },
  ];
  expect(budgetsText({ budgets: [], sets }).split('\n').slice(2)).toEqual([
    'Sets of names that were issued again and again in the last 7 days:',
    '',
    'CERTIFICATES  LAST                             NAMES',
    '10 of 10      2026-12-01 11:00:00Z (60 m ago)  api.c1.example.com and 1 more',
    '5 of 10       2026-12-01 11:00:00Z (60 m ago)  one.example.com',
  ]);
});

test('says where the sets were not counted over the whole week', () => {
  const setsCountedSince = new Date(NOW - 24 * HOUR_MS).toISOString();
  expect(budgetsText({ budgets: [], sets: [], setsCountedSince })).toContain(
    'those before 2026-11-30 12:00:00Z (24 h ago) were not counted',
  );
});

test('says where no worker answers, and that no budget runs', () => {
  expect(budgetsText({ budgets: [{ workflowId: 'budget/ca.test/1', problem: 'No worker.' }] })).toBe(
    'budget/ca.test/1: No worker.',
  );
  expect(budgetsText({ budgets: [] })).toMatch(/^No budget runs here.*CERTMAN_CA_LIMITS/);
});
