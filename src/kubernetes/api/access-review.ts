/** What an identity may do, as the API server's authorizer sees it. A review creates nothing. */
import { z } from 'zod';
import { malformedResponseError } from './api-error.ts';

/** Sends what is answered with JSON, and stored nowhere. */
export interface ReviewConnection {
  /** @throws CertmanError as `getJson` of WatchConnection. */
  postJson(
    path: string,
    body: object,
    options: { readonly what: string; readonly signal?: AbortSignal },
  ): Promise<unknown>;
}

/** One verb on one resource. */
export interface Access {
  readonly verb: string;
  /** `''` for core. */
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  /** Absent: in all namespaces, or of a resource without one. */
  readonly namespace?: string;
  /** Absent: any object. */
  readonly name?: string;
}

/** A user and its groups, as RBAC binds them. */
export interface Subject {
  readonly user: string;
  readonly groups: readonly string[];
}

const accessSchema = z.looseObject({ status: z.looseObject({ allowed: z.boolean() }) });
const identitySchema = z.looseObject({
  status: z.looseObject({ userInfo: z.looseObject({ username: z.string().max(1_000) }) }),
});

/** A ServiceAccount as a subject. Source: https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/ */
export function serviceAccountSubject(namespace: string, name: string): Subject {
  return {
    user: `system:serviceaccount:${namespace}:${name}`,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
  };
}

/**
 * Whether an access is allowed. Source: https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access
 * @param subject absent: the client itself. Else the right to create SubjectAccessReviews is needed. @throws CertmanError `kubernetes/…`
 */
export async function isAllowed(
  connection: ReviewConnection,
  resourceAttributes: Access,
  { subject, signal }: { readonly subject?: Subject | undefined; readonly signal?: AbortSignal } = {},
): Promise<boolean> {
  const kind = subject === undefined ? 'SelfSubjectAccessReview' : 'SubjectAccessReview';
  const what = 'review the access';
  const review = { apiVersion: 'authorization.k8s.io/v1', kind, spec: { ...subject, resourceAttributes } };
  const path = `/apis/authorization.k8s.io/v1/${kind.toLowerCase()}s`;
  const answer = accessSchema.safeParse(await connection.postJson(path, review, { what, signal }));
  if (!answer.success) throw malformedResponseError(what, 'no review');
  return answer.data.status.allowed;
}

/** Who the API server takes the client for (Kubernetes 1.28 and later). @throws CertmanError `kubernetes/…` */
export async function whoAmI(connection: ReviewConnection, signal?: AbortSignal): Promise<string> {
  const what = 'ask who is connected';
  const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
  const answer = identitySchema.safeParse(await connection.postJson(path, review, { what, signal }));
  if (!answer.success) throw malformedResponseError(what, 'no identity');
  return answer.data.status.userInfo.username;
}
