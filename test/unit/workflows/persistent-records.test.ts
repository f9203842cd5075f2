import { describe, expect, test } from 'vitest';
import type { PendingChallenge } from '../../../src/contract/activities/acme.ts';
import type { SealedTxtRecord } from '../../../src/contract/activities/txt-records.ts';
import { planRecords, withoutPersistence } from '../../../workflows/issuance/persistent-records.ts';

const standing = (name: string, value = 'ca.test; accounturi=1'): SealedTxtRecord => ({
  name: `_validation-persist.${name}`,
  value,
  seal: 'sealed',
  persistent: true,
});
const passing = (name: string): SealedTxtRecord => ({ name: `_acme-challenge.${name}`, value: 'proof' });
const challenge = (identifier: string, record: SealedTxtRecord): PendingChallenge => ({
  identifier,
  wildcard: false,
  authorizationUrl: 'https://ca.test/authz',
  challengeUrl: 'https://ca.test/challenge',
  record,
});
const persistent = (name: string, value?: string): PendingChallenge => challenge(name, standing(name, value));

describe('records of dns-persist-01', () => {
  test('are published by the first order, withdrawn if it fails, and kept', () => {
    expect(planRecords([persistent('a')], [], ['a'])).toEqual({
      publish: [standing('a')],
      withdrawIfFailed: [standing('a')],
      obsolete: [],
      kept: [standing('a')],
    });
  });

  test('are marked as published for the next order, which leaves them also if it fails', () => {
    expect(planRecords([persistent('a')], [standing('a')], ['a'])).toEqual({
      publish: [{ ...standing('a'), published: true }],
      withdrawIfFailed: [],
      obsolete: [],
      kept: [standing('a')],
    });
  });

  test('are one for a name and its wildcard', () => {
    const { publish, kept } = planRecords([persistent('a'), persistent('a')], [], ['a', '*.a']);
    expect([publish, kept]).toEqual([[standing('a')], [standing('a')]]);
  });

  test('stay for names whose authorization is valid already', () => {
    const plan = planRecords([], [standing('a')], ['*.a']);
    expect(plan).toEqual({ publish: [], withdrawIfFailed: [], obsolete: [], kept: [standing('a')] });
  });

  test('are withdrawn with the order that has their name no more', () => {
    expect(planRecords([persistent('b')], [standing('a')], ['b'])).toMatchObject({
      obsolete: [standing('a')],
      kept: [standing('b')],
    });
  });

  test('are withdrawn when another value or dns-01 takes their place', () => {
    expect(planRecords([persistent('a', 'other')], [standing('a')], ['a'])).toEqual({
      publish: [standing('a', 'other')],
      withdrawIfFailed: [standing('a', 'other')],
      obsolete: [standing('a')],
      kept: [standing('a', 'other')],
    });
    expect(planRecords([challenge('a', passing('a'))], [standing('a')], ['a'])).toEqual({
      publish: [passing('a')],
      withdrawIfFailed: [passing('a')],
      obsolete: [standing('a')],
      kept: [],
    });
  });

  test('are published anew where a CNAME leads to another place', () => {
    const at = { name: 'a.acme.example.net', zoneName: 'acme.example.net', challengeZone: true } as const;
    const delegated = { ...standing('a'), at };
    expect(planRecords([challenge('a', delegated)], [standing('a')], ['a'])).toMatchObject({
      publish: [delegated],
      obsolete: [standing('a')],
      kept: [delegated],
    });
  });
});

test('without persistence, every record is withdrawn', () => {
  const plan = withoutPersistence([challenge('a', passing('a')), challenge('a', passing('a'))]);
  expect(plan).toEqual({ publish: [passing('a')], withdrawIfFailed: [passing('a')], obsolete: [], kept: [] });
});
