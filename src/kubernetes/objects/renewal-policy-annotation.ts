import { RENEWAL_POLICIES, type RenewalPolicy } from '../../certificates/planned-renewal.ts';
import { oneLine } from '../../failures/printable.ts';
import type { ObjectMeta } from '../api/kubernetes-api.ts';

/** Annotation on a CertificateRequest: the renewal policy of its certificate, instead of that of the worker's setting. */
export const RENEWAL_POLICY_ANNOTATION = 'certman.managed.openshift.io/renewal-policy';

/** A longer value is not kept: none is a policy. */
const MAX_LENGTH = 64;

/** The policy of a request's certificate. */
export interface RequestedPolicy {
  readonly policy: RenewalPolicy;
  /** Why the annotation does not count, as a clause; the setting holds then. */
  readonly problem?: string;
}

/** The value of the annotation, valid or not; undefined without one. */
export function renewalPolicyAnnotationOf({ annotations }: ObjectMeta): string | undefined {
  const found = annotations?.[RENEWAL_POLICY_ANNOTATION];
  return found === undefined || found.length <= MAX_LENGTH ? found : '(too long)';
}

/** By the annotation, else by the worker's setting. */
export function renewalPolicyOf(
  { renewalPolicyAnnotation: found }: { readonly renewalPolicyAnnotation?: string | undefined },
  setting: RenewalPolicy = 'renew-before',
): RequestedPolicy {
  if (found === undefined) return { policy: setting };
  const policy = RENEWAL_POLICIES.find((one) => one === found);
  if (policy !== undefined) return { policy };
  return {
    policy: setting,
    problem: `the annotation ${RENEWAL_POLICY_ANNOTATION} is "${oneLine(found)}", not ${RENEWAL_POLICIES.join(' or ')}, and is ignored`,
  };
}

/** For people: what is wrong with the annotation, and what to do. */
export function invalidPolicyMessage({ policy, problem = '' }: RequestedPolicy): string {
  const sentence = problem.charAt(0).toUpperCase() + problem.slice(1);
  return `${sentence}: the certificate is renewed by the policy ${policy}, as CERTMAN_RENEWAL_POLICY says. Correct or remove the annotation.`;
}
