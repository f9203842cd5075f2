import { describe, expect, test } from 'vitest';
import { ownedBy, requestLabel, type SecretTie, tieOf } from '../../../src/kubernetes/secret-tie.ts';

const REQUEST = { name: 'c1-primary', uid: 'u1' };
const OURS = { certificate_request: 'c1-primary' };
const OLD = ownedBy({ name: 'c1-primary', uid: 'u0' });
const OTHER = ownedBy({ name: 'c2-primary', uid: 'u2' });
const VAULT = { apiVersion: 'external-secrets.io/v1', kind: 'ExternalSecret', name: 'v', uid: 'u3', controller: true };
const BYSTANDER = { apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: 'u4' };

const BOTH = 'its label certificate_request and its owner reference';

describe('a Secret and its CertificateRequest', () => {
  test.each<[string, Record<string, string> | undefined, readonly Record<string, unknown>[], SecretTie]>([
    ['label and reference', OURS, [ownedBy(REQUEST)], { kind: 'tied' }],
    ['those and what others put on', { ...OURS, a: 'b' }, [BYSTANDER, ownedBy(REQUEST)], { kind: 'tied' }],
    ['no label', undefined, [ownedBy(REQUEST)], { kind: 'loose', lacks: 'its label certificate_request' }],
    [
      'another label',
      { certificate_request: 'x' },
      [ownedBy(REQUEST)],
      { kind: 'loose', lacks: 'its label certificate_request' },
    ],
    ['no reference', OURS, [], { kind: 'loose', lacks: 'its owner reference' }],
    [
      'a reference to the request before it was made again',
      OURS,
      [OLD],
      { kind: 'loose', lacks: 'its owner reference' },
    ],
    ['references to both', OURS, [OLD, ownedBy(REQUEST)], { kind: 'loose', lacks: 'its owner reference' }],
    ['neither', undefined, [BYSTANDER], { kind: 'loose', lacks: BOTH }],
    [
      'the label of another',
      { certificate_request: 'c2-primary' },
      [],
      { kind: 'another', holder: 'CertificateRequest c2-primary', request: 'c2-primary' },
    ],
    [
      'the reference of another',
      OURS,
      [OTHER],
      { kind: 'another', holder: 'CertificateRequest c2-primary', request: 'c2-primary' },
    ],
    ['a controller of another kind', undefined, [VAULT], { kind: 'another', holder: 'ExternalSecret v' }],
  ])('with %s', (_what, labels, ownerReferences, tie) => {
    expect(tieOf({ name: 's', ...(labels === undefined ? {} : { labels }), ownerReferences }, REQUEST)).toEqual(tie);
  });

  test('whose name is longer than a label may be are tied by the reference alone', () => {
    const request = { name: 'n'.repeat(64), uid: 'u1' };
    expect(requestLabel(request.name)).toEqual({});
    expect(tieOf({ name: 's', ownerReferences: [ownedBy(request)] }, request)).toEqual({ kind: 'tied' });
    expect(tieOf({ name: 's' }, request)).toEqual({ kind: 'loose', lacks: 'its owner reference' });
  });
});
