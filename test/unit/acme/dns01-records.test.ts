import { describe, expect, it } from 'vitest';
import { dns01RecordValue } from '../../../src/acme/authorization.ts';
import {
  dns01RecordName,
  isOwnershipValue,
  ownershipRecords,
  ownershipValue,
} from '../../../src/certificates/dns-name.ts';

describe('ownership records of a standalone request', () => {
  it('have the names of the challenges, once for each identifier', () => {
    expect(ownershipRecords(['x.example.com', '*.x.example.com', 'y.example.com'], 'v')).toEqual([
      { name: '_acme-challenge.x.example.com', value: 'v' },
      { name: '_acme-challenge.y.example.com', value: 'v' },
    ]);
  });
});

describe('the value of an ownership record', () => {
  const order = '6b1d2bd1-63f2-4b3c-9b51-1b8d9c8d2f10';
  const value = ownershipValue('uid-1', order);

  it('is of its own request', () => {
    expect(isOwnershipValue(value, 'uid-1')).toBe(true);
  });

  it.each(['uid-2', 'uid', '', `uid-1/${order}`])('is none of request %j', (uid) => {
    expect(isOwnershipValue(value, uid)).toBe(false);
  });

  it.each(['v'.repeat(43), 'certman-order=uid-1', `certman-order=uid-1/${'v'.repeat(36)}`, `${value} x`, `x${value}`])(
    'is not %s',
    (other) => {
      expect(isOwnershipValue(other, 'uid-1')).toBe(false);
    },
  );
});

describe('the TXT record of a DNS-01 challenge', () => {
  it('is named _acme-challenge', () => {
    expect(dns01RecordName('apps.c1.example.com')).toBe('_acme-challenge.apps.c1.example.com');
  });

  it('contains base64url(SHA-256(token.thumbprint)), unpadded', () => {
    // printf %s 'tok.thumb' | openssl dgst -sha256 -binary | basenc --base64url
    expect(dns01RecordValue('tok', 'thumb')).toBe('sYAwVrqDtVOuJZvAHurSAYPoEt5fFV_C4bdSOOW-o5Y');
  });
});
