import { describe, expect, test } from 'vitest';
import {
  controllerReferenceTo,
  requestLabel,
  type SecretOwnership,
  secretOwnershipOf,
} from '../../../src/kubernetes/objects/secret-ownership.ts';

const REQUEST = { name: 'c1-primary', uid: 'u1' };
const OWN_LABEL = { certificate_request: 'c1-primary' };
const OLD = controllerReferenceTo({ name: 'c1-primary', uid: 'u0' });
const OTHER = controllerReferenceTo({ name: 'c2-primary', uid: 'u2' });
const VAULT = { apiVersion: 'external-secrets.io/v1', kind: 'ExternalSecret', name: 'v', uid: 'u3', controller: true };
const OTHER_OWNER = { apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: 'u4' };

const BOTH = 'its label certificate_request and its owner reference';

describe('a Secret and its CertificateRequest', () => {
  test.each<[string, Record<string, string> | undefined, readonly Record<string, unknown>[], SecretOwnership]>([
    ['label and reference', OWN_LABEL, [controllerReferenceTo(REQUEST)], { kind: 'owned' }],
    [
      'those and labels and owners of others',
      { ...OWN_LABEL, a: 'b' },
      [OTHER_OWNER, controllerReferenceTo(REQUEST)],
      { kind: 'owned' },
    ],
    [
      'no label',
      undefined,
      [controllerReferenceTo(REQUEST)],
      { kind: 'orphaned', missing: 'its label certificate_request' },
    ],
    [
      'another label',
      { certificate_request: 'x' },
      [controllerReferenceTo(REQUEST)],
      { kind: 'orphaned', missing: 'its label certificate_request' },
    ],
    ['no reference', OWN_LABEL, [], { kind: 'orphaned', missing: 'its owner reference' }],
    [
      'a reference to the request before it was re-created',
      OWN_LABEL,
      [OLD],
      { kind: 'orphaned', missing: 'its owner reference' },
    ],
    [
      'references to both',
      OWN_LABEL,
      [OLD, controllerReferenceTo(REQUEST)],
      { kind: 'orphaned', missing: 'its owner reference' },
    ],
    ['neither', undefined, [OTHER_OWNER], { kind: 'orphaned', missing: BOTH }],
    [
      'the label of another',
      { certificate_request: 'c2-primary' },
      [],
      { kind: 'foreign', owner: 'CertificateRequest c2-primary', request: 'c2-primary' },
    ],
    [
      'the reference of another',
      OWN_LABEL,
      [OTHER],
      { kind: 'foreign', owner: 'CertificateRequest c2-primary', request: 'c2-primary' },
    ],
    [
      'a controller of cert-manager’s kind of the same name',
      undefined,
      [
        {
          apiVersion: 'cert-manager.io/v1',
          kind: 'CertificateRequest',
          name: 'c1-primary',
          uid: 'u5',
          controller: true,
        },
      ],
      { kind: 'foreign', owner: 'CertificateRequest c1-primary' },
    ],
    ['a controller of another kind', undefined, [VAULT], { kind: 'foreign', owner: 'ExternalSecret v' }],
  ])('with %s', (_what, labels, ownerReferences, ownership) => {
    expect(secretOwnershipOf({ name: 's', labels, ownerReferences }, REQUEST)).toEqual(ownership);
  });

  test('with a name longer than a label may be belong together by the reference alone', () => {
    const request = { name: 'n'.repeat(64), uid: 'u1' };
    expect(requestLabel(request.name)).toEqual({});
    expect(secretOwnershipOf({ name: 's', ownerReferences: [controllerReferenceTo(request)] }, request)).toEqual({
      kind: 'owned',
    });
    expect(secretOwnershipOf({ name: 's' }, request)).toEqual({ kind: 'orphaned', missing: 'its owner reference' });
  });
});
