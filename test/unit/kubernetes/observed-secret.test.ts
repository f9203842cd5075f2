import { expect, test } from 'vitest';
import { describeSecretChange, observeSecret } from '../../../src/kubernetes/objects/observed-secret.ts';
import { ADOPT_ANNOTATION } from '../../../src/kubernetes/objects/secret-ownership.ts';

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
