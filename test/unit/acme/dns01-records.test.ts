import { describe, expect, it } from 'vitest';
import { dns01RecordValue } from '../../../src/acme/authorization.ts';
import { dns01RecordName, ownershipRecords } from '../../../src/certificates/dns-name.ts';

describe('ownership records of a standalone request', () => {
  it('have the names of the challenges, once for each identifier', () => {
    expect(ownershipRecords(['x.example.com', '*.x.example.com', 'y.example.com'], 'v')).toEqual([
      { name: '_acme-challenge.x.example.com', value: 'v' },
      { name: '_acme-challenge.y.example.com', value: 'v' },
    ]);
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
