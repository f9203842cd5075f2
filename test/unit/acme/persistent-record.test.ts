import { describe, expect, test } from 'vitest';
import type { Authorization } from '../../../src/acme/authorization.ts';
import { persistentChallenge } from '../../../src/acme/persistent-record.ts';

const ACCOUNT = 'https://ca.example/acct/1';
const NOW = Date.parse('2026-11-29T00:00:00Z');
const DAY_MS = 86_400_000;

const authorization = (challenge: object): Authorization =>
  ({
    url: 'https://ca.example/authz/1',
    status: 'pending',
    identifier: { type: 'dns', value: 'apps.c1.example.com' },
    challenges: [
      { type: 'dns-01', url: 'https://ca.example/chall/1', status: 'pending', token: 't' },
      {
        type: 'dns-persist-01',
        url: 'https://ca.example/chall/2',
        status: 'pending',
        accounturi: ACCOUNT,
        'issuer-domain-names': ['ca.example'],
        ...challenge,
      },
    ],
  }) as unknown as Authorization;

const recordOf = (challenge: object, wildcard = false, validForMs?: number, now = NOW) =>
  persistentChallenge(authorization(challenge), ACCOUNT, wildcard, { validForMs }, now)?.record;

describe('the record of dns-persist-01', () => {
  test('names the CA and the account', () => {
    expect(recordOf({})).toEqual({
      name: '_validation-persist.apps.c1.example.com',
      value: 'ca.example; accounturi=https://ca.example/acct/1',
    });
  });

  test('authorizes wildcards where one is ordered', () => {
    expect(recordOf({}, true)?.value).toBe('ca.example; accounturi=https://ca.example/acct/1; policy=wildcard');
  });

  test('is the same whatever the order of the names that the CA may be called by', () => {
    const names = ['ca.example', 'authority.example'];
    expect(recordOf({ 'issuer-domain-names': names })).toEqual(recordOf({ 'issuer-domain-names': names.toReversed() }));
  });

  test('ends between one and two times its time from now, and changes once in that time', () => {
    const ends = Array.from({ length: 400 }, (_, day) => {
      const now = NOW + day * DAY_MS;
      const until = Number(/persistUntil=(\d+)$/.exec(recordOf({}, false, 100 * DAY_MS, now)?.value ?? '')?.[1]);
      const days = (until * 1_000 - now) / DAY_MS;
      expect(days).toBeGreaterThanOrEqual(100);
      expect(days).toBeLessThanOrEqual(200);
      return until;
    });
    expect(new Set(ends).size).toBe(5);
  });

  test('takes the challenge that it answers', () => {
    const found = persistentChallenge(authorization({}), ACCOUNT, false, {}, NOW);
    expect(found?.challenge.url).toBe('https://ca.example/chall/2');
  });
});

test.each([
  ['another type', { type: 'dns-account-01' }],
  ['no names of the CA', { 'issuer-domain-names': undefined }],
  ['another account', { accounturi: 'https://ca.example/acct/2' }],
  ['a name with parameters', { 'issuer-domain-names': ['ca.example; policy=wildcard'] }],
  ['a name in upper case', { 'issuer-domain-names': ['CA.example'] }],
  ['a wildcard as its name', { 'issuer-domain-names': ['*.ca.example'] }],
])('dns-01 remains where the CA offers %s', (_, challenge) => {
  expect(recordOf(challenge)).toBeUndefined();
});

test.each([
  'https://ca.example/acct/1;policy=wildcard',
  'https://ca.example/a b',
  `https://ca.example/${'a'.repeat(600)}`,
])('dns-01 remains for an account URL that does not fit into a parameter: %s', (accountUrl) => {
  const offered = authorization({ accounturi: accountUrl });
  expect(persistentChallenge(offered, accountUrl, false, {}, NOW)).toBeUndefined();
});
