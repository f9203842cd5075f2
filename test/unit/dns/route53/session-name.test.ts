import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sessionNameOf } from '../../../../src/dns/route53/assume-role.ts';

/** STS API reference, AssumeRole, RoleSessionName. */
const ALLOWED = /^[\w+=,.@-]{2,64}$/;

describe('the name of the session of a cluster’s role', () => {
  it('says which cluster it is', () => {
    expect(sessionNameOf({ namespace: 'uhc-production-1a2b', name: 'c1' })).toBe('certman@uhc-production-1a2b.c1');
  });

  it('is one that STS takes, whatever the names are', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ maxLength: 300 }), (namespace, name) => {
        expect(sessionNameOf({ namespace, name })).toMatch(ALLOWED);
      }),
    );
  });

  it('differs for long names that begin alike, and for names of which characters are replaced', () => {
    const long = 'n'.repeat(63);
    expect(sessionNameOf({ namespace: long, name: 'c1' })).not.toBe(sessionNameOf({ namespace: long, name: 'c2' }));
    expect(sessionNameOf({ namespace: 'a b', name: 'c' })).not.toBe(sessionNameOf({ namespace: 'a-b', name: 'c' }));
  });
});
