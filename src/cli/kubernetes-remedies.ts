import { CertmanError, type FailureCode } from '../failures/failure.ts';
import { PluginTimeoutError } from '../kubernetes/api/credential-plugin.ts';

/** Of client-node, for the ServiceAccount of a pod. */
export const POD_CONTEXT = 'inClusterContext';

/** In the API server's words. Source: k8s.io/apiserver pkg/endpoints/handlers/responsewriters/errors.go (forbiddenMessage). */
const REFUSED_USER = /User "([^"]{1,300})" cannot /;
/** Source: https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/ */
const SERVICE_ACCOUNT = /^system:serviceaccount:([^:]+):([^:]+)$/;

type Remedies = Readonly<Partial<Record<FailureCode, (context: string, message: string) => string>>>;

/** What a person does about a failure of the API server: a command does not try again, as a worker does. */
const REMEDIES: Remedies = {
  'kubernetes/unreachable': (context) =>
    `Check that the API server runs, and that ${context} is the one that you mean (--context, --kubeconfig, KUBECONFIG); then run the command again.`,
  'kubernetes/forbidden': (context, message) => {
    const [, user] = REFUSED_USER.exec(message) ?? [];
    if (user === undefined)
      return `Check that the credentials of ${context} have not expired, by logging in again, and that they have this right.`;
    const [, namespace, name] = SERVICE_ACCOUNT.exec(user) ?? [];
    return name === undefined
      ? `${user} was refused, by the credentials of ${context}: have that right given to this user, or name another context (--context).`
      : `The ServiceAccount ${name} in ${namespace} was refused, by the credentials of ${context}: compare its rights with deploy/base/rbac.yaml.`;
  },
  'kubernetes/unexpected': (context) =>
    `Check what stands between this machine and the API server of ${context}; then run the command again.`,
};

/** The same in a pod, which has no kubeconfig. */
const POD_REMEDIES: Remedies = {
  'kubernetes/unreachable': () =>
    'Check that the API server runs, and that the NetworkPolicies of this pod allow connections to it; then run the command again.',
  'kubernetes/forbidden': () =>
    'Check that the ServiceAccount of this pod exists, and that a Role or ClusterRole with this right is bound to it.',
  'kubernetes/unexpected': () => 'Check what stands between this pod and the API server; then run the command again.',
};

/** The same failure with what the person at the command line does; any other error as it is. @param context its name in the kubeconfig. */
export function withRemedyForPeople(error: unknown, context: string): unknown {
  if (error instanceof PluginTimeoutError) return error;
  const remedies = context === POD_CONTEXT ? POD_REMEDIES : REMEDIES;
  const remedy = error instanceof CertmanError ? remedies[error.code] : undefined;
  if (!(error instanceof CertmanError) || remedy === undefined) return error;
  const { code, message, notBefore } = error.info;
  return new CertmanError({
    code,
    message,
    notBefore,
    remedy: remedy(`the context ${context}`, message),
    cause: error,
  });
}
