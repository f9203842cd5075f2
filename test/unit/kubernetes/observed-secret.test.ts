import { expect, test } from 'vitest';
import { describeSecretChange, observeSecret, ownershipOf } from '../../../src/kubernetes/objects/observed-secret.ts';
import {
  ADOPT_ANNOTATION,
  controllerReferenceTo,
  type OwnerReference,
  requestLabel,
  secretOwnershipOf,
} from '../../../src/kubernetes/objects/secret-ownership.ts';

const REQUEST = { name: 'web', uid: 'u1' };
const secret = (annotations?: Record<string, string>) =>
  observeSecret({ metadata: { name: 's', resourceVersion: '1', ...(annotations && { annotations }) } });

test('a Secret that is given to the request has the request re-evaluated, once', () => {
  const given = secret({ [ADOPT_ANNOTATION]: 'web' });
  expect(describeSecretChange(secret(), given, REQUEST)).toBe('The Secret s was given to the CertificateRequest web.');
  expect(describeSecretChange(given, secret({ [ADOPT_ANNOTATION]: 'web', more: 'x' }), REQUEST)).toBeUndefined();
});

test('a Secret that is given to another request, or to none, does not', () => {
  expect(describeSecretChange(secret(), secret({ [ADOPT_ANNOTATION]: 'api' }), REQUEST)).toBeUndefined();
  expect(describeSecretChange(secret({ [ADOPT_ANNOTATION]: 'web' }), secret(), REQUEST)).toBeUndefined();
});

const written = controllerReferenceTo(REQUEST);

test.each<[string, readonly OwnerReference[] | undefined]>([
  ['as certman writes them', [written]],
  ['to an earlier request of this name', [{ ...written, uid: 'u0' }]],
  ['to another request', [controllerReferenceTo({ name: 'api', uid: 'u2' })]],
  ['to no controller, as certman-operator wrote them', [{ ...written, controller: undefined }]],
  ['to a kind of the same name', [{ ...written, apiVersion: 'cert-manager.io/v1' }]],
  ['to two requests', [written, { ...written, uid: 'u0' }]],
  ['to none', undefined],
])('the ownership of a cached Secret is that of its metadata, with references %s', (_, ownerReferences) => {
  for (const labels of [requestLabel('web'), requestLabel('api'), undefined]) {
    const metadata = { name: 's', namespace: 'ns', labels, ownerReferences };
    expect(ownershipOf(observeSecret({ metadata }), REQUEST)).toEqual(secretOwnershipOf(metadata, REQUEST));
  }
});
