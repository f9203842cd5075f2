import { describe, expect, it } from 'vitest';
import { dns01RecordName, dns01RecordValue, ownershipRecords } from '../../../src/acme/authorization.ts';

describe('ownership records of a standalone request', () => {
  const names = ['x.example.com', '*.x.example.com', 'y.example.com'];
  const order = 'https://ca.test/order/1';
  const valuesOf = (url: string, uid: string) => new Set(ownershipRecords(names, url, uid).map(({ value }) => value));

  it('have the names of the challenges, once for each identifier', () => {
    expect(ownershipRecords(names, order, 'uid').map(({ name }) => name)).toEqual([
      '_acme-challenge.x.example.com',
      '_acme-challenge.y.example.com',
    ]);
  });

  it('have a value that is unique to the order and the request', () => {
    const values = [...valuesOf(order, 'uid'), ...valuesOf(order, 'other'), ...valuesOf(`${order}1`, 'uid')];
    expect(new Set(values).size).toBe(3);
    for (const value of values) expect(value).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(valuesOf(order, 'uid')).toEqual(valuesOf(order, 'uid'));
  });
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
