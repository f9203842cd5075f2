import { expect, test } from 'vitest';
import { observeRequest } from '../../../src/kubernetes/objects/observed-request.ts';
import {
  invalidPolicyMessage,
  RENEWAL_POLICY_ANNOTATION,
  renewalPolicyOf,
} from '../../../src/kubernetes/objects/renewal-policy-annotation.ts';

const requestWith = (annotation?: string) =>
  observeRequest({
    metadata: {
      name: 'web',
      namespace: 'team',
      ...(annotation !== undefined && { annotations: { [RENEWAL_POLICY_ANNOTATION]: annotation } }),
    },
  });

test.each([
  ['the default without setting and annotation', undefined, undefined, 'renew-before'],
  ['the setting without annotation', undefined, 'ari', 'ari'],
  ['the annotation', 'ari', 'renew-before', 'ari'],
  ['the annotation that opts out', 'renew-before', 'ari', 'renew-before'],
] as const)('the policy is that of %s', (_what, annotation, setting, policy) => {
  expect(renewalPolicyOf(requestWith(annotation), setting)).toEqual({ policy });
});

test.each(['', 'ARI', 'never', 'ari '])('of the invalid annotation "%s", the setting holds', (annotation) => {
  const requested = renewalPolicyOf(requestWith(annotation), 'ari');
  expect(requested.policy).toBe('ari');
  expect(requested.problem).toBe(
    `the annotation ${RENEWAL_POLICY_ANNOTATION} is "${annotation.trim()}", not renew-before or ari, and is ignored`,
  );
  expect(invalidPolicyMessage(requested)).toMatch(
    /^The annotation .* is ignored: the certificate is renewed by the policy ari, as CERTMAN_RENEWAL_POLICY says\. Correct/,
  );
});

test('a long value is not kept, and control characters are not shown', () => {
  expect(requestWith('a'.repeat(100_000)).renewalPolicyAnnotation).toBe('(too long)');
  expect(renewalPolicyOf(requestWith('a\u001b[2J')).problem).toContain('"a\\u001b[2J"');
});
