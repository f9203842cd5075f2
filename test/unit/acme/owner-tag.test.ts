import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { isOwnerTagFor } from '../../../src/acme/owner-tag.ts';
import { Seals } from '../../../src/acme/seals.ts';

const newSeals = () => new Seals(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
const SEALS = newSeals();
const RECORD = { name: '_acme-challenge.api.c1.example.com', value: 'v'.repeat(43) };
const EXPIRES = new Date('2027-01-02T03:04:05Z');
const TAG = SEALS.ownerTag(RECORD, EXPIRES);

describe('an owner tag', () => {
  it('says until when an order can need the value, and which value', () => {
    const read = SEALS.readOwnerTag(RECORD.name, TAG);
    expect(read?.expiresAt).toBe(EXPIRES.getTime());
    expect(read?.proves(RECORD.value)).toBe(true);
    expect(read?.proves('w'.repeat(43))).toBe(false);
    expect(isOwnerTagFor(RECORD.value, TAG)).toBe(true);
    expect(isOwnerTagFor('w'.repeat(43), TAG)).toBe(false);
  });

  it('is the same for every attempt, and short', () => {
    expect(SEALS.ownerTag(RECORD, EXPIRES)).toBe(TAG);
    expect(TAG.length).toBeLessThan(48);
  });

  it('proves nothing at another name, under another account, or when anything in it was changed', () => {
    expect(SEALS.readOwnerTag('_acme-challenge.apps.c1.example.com', TAG)).toBeUndefined();
    expect(newSeals().readOwnerTag(RECORD.name, TAG)).toBeUndefined();
    for (let at = 'certman='.length; at < TAG.length; at++) {
      const other = TAG[at] === 'a' ? 'b' : 'a';
      expect(SEALS.readOwnerTag(RECORD.name, TAG.slice(0, at) + other + TAG.slice(at + 1))).toBeUndefined();
    }
  });

  it('is no value of others', () => {
    for (const text of ['', 'certman=', `${TAG} `, RECORD.value, 'certman-order=uid/0b7d', 'v=spf1 -all'])
      expect(SEALS.readOwnerTag(RECORD.name, text)).toBeUndefined();
  });
});
