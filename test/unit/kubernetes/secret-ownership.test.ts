import { describe, expect, test } from 'vitest';
import {
  controllerReferenceTo,
  requestLabel,
  type SecretOwnership,
  secretOwnershipOf,
} from '../../../src/kubernetes/objects/secret-ownership.ts';

const REQUEST = { name: 'c1-primary', uid: 'u1' };
const OURS = { certificate_request: 'c1-primary' };
const OLD = controllerReferenceTo({ name: 'c1-primary', uid: 'u0' });
const OTHER = controllerReferenceTo({ name: 'c2-primary', uid: 'u2' });
const VAULT = { apiVersion: 'external-secrets.io/v1', kind: 'ExternalSecret', name: 'v', uid: 'u3', controller: true };
const BYSTANDER = { apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: 'u4' };

const BOTH = 'its label certificate_request and its owner reference';

describe('a Secret and its CertificateRequest', () => {
  test.each<[string, Record<string, string> | undefined, readonly Record<string, unknown>[], SecretOwnership]>([
    ['label and reference', OURS, [controllerReferenceTo(REQUEST)], { kind: 'owned' }],
    [
      'those and what others put on',
      { ...OURS, a: 'b' },
      [BYSTANDER, controllerReferenceTo(REQUEST)],
      { kind: 'owned' },
    ],
    [
      'no label',
      undefined,
      [controllerReferenceTo(REQUEST)],
      { kind: 'orphaned', lacks: 'its label certificate_request' },
    ],
    [
      'another label',
      { certificate_request: 'x' },
      [controllerReferenceTo(REQUEST)],
      { kind: 'orphaned', lacks: 'its label certificate_request' },
    ],
    ['no reference', OURS, [], { kind: 'orphaned', lacks: 'its owner reference' }],
    [
      'a reference to the request before it was made again',
      OURS,
      [OLD],
      { kind: 'orphaned', lacks: 'its owner reference' },
    ],
    [
      'references to both',
      OURS,
      [OLD, controllerReferenceTo(REQUEST)],
      { kind: 'orphaned', lacks: 'its owner reference' },
    ],
    ['neither', undefined, [BYSTANDER], { kind: 'orphaned', lacks: BOTH }],
    [
      'the label of another',
      { certificate_request: 'c2-primary' },
      [],
      { kind: 'foreign', holder: 'CertificateRequest c2-primary', request: 'c2-primary' },
    ],
    [
      'the reference of another',
      OURS,
      [OTHER],
      { kind: 'foreign', holder: 'CertificateRequest c2-primary', request: 'c2-primary' },
    ],
    ['a controller of another kind', undefined, [VAULT], { kind: 'foreign', holder: 'ExternalSecret v' }],
  ])('with %s', (_what, labels, ownerReferences, tie) => {
    expect(
      secretOwnershipOf({ name: 's', ...(labels === undefined ? {} : { labels }), ownerReferences }, REQUEST),
    ).toEqual(tie);
  });

  test('whose name is longer than a label may be are tied by the reference alone', () => {
    const request = { name: 'n'.repeat(64), uid: 'u1' };
    expect(requestLabel(request.name)).toEqual({});
    expect(secretOwnershipOf({ name: 's', ownerReferences: [controllerReferenceTo(request)] }, request)).toEqual({
      kind: 'owned',
    });
    expect(secretOwnershipOf({ name: 's' }, request)).toEqual({ kind: 'orphaned', lacks: 'its owner reference' });
  });
});
