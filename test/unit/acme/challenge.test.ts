import { describe, expect, it } from 'vitest';
import { txtName, txtValue } from '../../../src/acme/challenge.ts';

describe('the TXT record of a DNS-01 challenge', () => {
  it('stands under _acme-challenge', () => {
    expect(txtName('apps.c1.example.com')).toBe('_acme-challenge.apps.c1.example.com');
  });

  it('holds base64url(SHA-256(token.thumbprint)), unpadded', () => {
    // printf %s 'tok.thumb' | openssl dgst -sha256 -binary | basenc --base64url
    expect(txtValue('tok', 'thumb')).toBe('sYAwVrqDtVOuJZvAHurSAYPoEt5fFV_C4bdSOOW-o5Y');
  });
});
