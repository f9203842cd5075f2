import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { deriveSealKey, type Sealed, Seals } from '../../../src/acme/seals.ts';

const newSeals = () => new Seals(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
const seals = newSeals();
const owner = { managementCluster: 'hive', namespace: 'ns', name: 'c1', uid: 'uid-1' };
const verifiedAt = '2026-01-01T00:00:00.000Z';
const url = 'https://ca.example/order/1';

/** A value, and others that its seal must not vouch for. */
const CASES: readonly (readonly [Sealed, readonly Sealed[]])[] = [
  [
    { of: 'order', bundleName: 'a', url },
    [
      { of: 'order', bundleName: 'b', url },
      { of: 'order', bundleName: 'a', url: `${url}2` },
    ],
  ],
  [
    { of: 'record', name: '_acme-challenge.a', value: 'v' },
    [
      { of: 'record', name: '_acme-challenge.b', value: 'v' },
      { of: 'record', name: '_acme-challenge.a', value: 'w' },
      { of: 'record', name: '_acme-challenge', value: '.av' },
      { of: 'record', name: '_acme-challenge.a', value: 'v', at: { name: 'a.z', zoneName: 'z' } },
    ],
  ],
  [
    { of: 'record', name: '_acme-challenge.a', value: 'v', at: { name: 'a.z', zoneName: 'z', challengeZone: true } },
    [
      { of: 'record', name: '_acme-challenge.a', value: 'v' },
      { of: 'record', name: '_acme-challenge.a', value: 'v', at: { name: 'a.z', zoneName: 'z' } },
      { of: 'record', name: '_acme-challenge.a', value: 'v', at: { name: 'b.z', zoneName: 'z', challengeZone: true } },
      {
        of: 'record',
        name: '_acme-challenge.a',
        value: 'v',
        at: { name: 'a.z', zoneName: 'a.z', challengeZone: true },
      },
    ],
  ],
  [
    { of: 'challenge', orderUrl: url, authorizationUrl: 'a', url: 'c' },
    [
      { of: 'challenge', orderUrl: 'x', authorizationUrl: 'a', url: 'c' },
      { of: 'challenge', orderUrl: url, authorizationUrl: 'c', url: 'a' },
    ],
  ],
  [
    { of: 'nameServers', zoneName: 'z', nameServers: ['n1', 'n2'] },
    [
      { of: 'nameServers', zoneName: 'z', nameServers: ['n1'] },
      { of: 'nameServers', zoneName: 'z', nameServers: ['n1,n2'] },
    ],
  ],
  [
    { of: 'ownership', dnsNames: ['a', 'b'], verifiedAt },
    [
      { of: 'ownership', dnsNames: ['a'], verifiedAt },
      { of: 'ownership', dnsNames: ['a', 'b'], verifiedAt: '2026-01-01T00:00:01.000Z' },
    ],
  ],
  [
    { of: 'certificate', bundleName: 'a', serialNumber: '1', source: url },
    [
      { of: 'certificate', bundleName: 'b', serialNumber: '1', source: url },
      { of: 'certificate', bundleName: 'a', serialNumber: '2', source: url },
      { of: 'certificate', bundleName: 'a', serialNumber: '1', source: 'x' },
    ],
  ],
];

describe.each(CASES)('the seal of %j', (sealed, others) => {
  const seal = seals.seal(owner, sealed);

  test('is verified for the same object and value, by every worker of the account', () => {
    expect(seals.verify(owner, sealed, seal)).toBe(true);
  });

  test.each(others)('is none of %j', (other) => {
    expect(seals.verify(owner, other, seal)).toBe(false);
  });

  test.each(Object.keys(owner))('is none of an object with another %s', (field) => {
    expect(seals.verify({ ...owner, [field]: 'x' }, sealed, seal)).toBe(false);
  });

  test('is none under another account', () => {
    expect(newSeals().verify(owner, sealed, seal)).toBe(false);
  });

  test.each([undefined, '', 'AAAA', `${seal}AA`, seal.slice(1)])('is not %j', (forged) => {
    expect(seals.verify(owner, sealed, forged)).toBe(false);
  });
});

test('a key that a rollover has kept goes on to seal and verify', () => {
  const { privateKey: first } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { privateKey: second } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const before = new Seals(first);
  const after = new Seals(second, deriveSealKey(first));
  expect(after.openOrder(owner, 'a', before.sealOrder(owner, 'a', url))).toBe(url);
  expect(before.openOrder(owner, 'a', after.sealOrder(owner, 'a', url))).toBe(url);
  expect(after.equals(before)).toBe(true);
  expect(new Seals(second).equals(before)).toBe(false);
});

test('the names of an ownership proof are a set', () => {
  const seal = seals.seal(owner, { of: 'ownership', dnsNames: ['b', 'a'], verifiedAt });
  expect(seals.verify(owner, { of: 'ownership', dnsNames: ['a', 'b'], verifiedAt }, seal)).toBe(true);
});

test('an order is opened by its own bundle only', () => {
  const sealed = seals.sealOrder(owner, 'a', url);
  expect(seals.openOrder(owner, 'a', sealed)).toBe(url);
  expect(seals.openOrder(owner, 'b', sealed)).toBeUndefined();
  expect(seals.openOrder(owner, 'a', url)).toBeUndefined();
});

test('verify what accepted seals have made, and seal with their own key', () => {
  const [own, other, third] = [newSeals(), newSeals(), newSeals()];
  const both = own.accepting([other]);
  const order = { of: 'order', bundleName: 'primary', url: 'https://ca.example/order/1' } as const;
  expect([own, other, third].map((one) => both.verify(owner, order, one.seal(owner, order)))).toEqual([
    true,
    true,
    false,
  ]);
  expect(both.seal(owner, order)).toBe(own.seal(owner, order));
});

test('read the owner tags of accepted seals, such as those of a CA that orders went to meanwhile', () => {
  const [own, other, third] = [newSeals(), newSeals(), newSeals()];
  const both = own.accepting([other]);
  const record = { name: '_acme-challenge.api.example.com', value: 'v' };
  const tagOf = (one: Seals): string => one.ownerTag(record, new Date(verifiedAt));
  expect([own, other, third].map((one) => both.readOwnerTag(record.name, tagOf(one))?.proves('v'))).toEqual([
    true,
    true,
    undefined,
  ]);
  expect(both.ownerTag(record, new Date(verifiedAt))).toBe(tagOf(own));
});
