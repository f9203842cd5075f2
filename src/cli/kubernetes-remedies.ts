import { CertmanError, type FailureCode } from '../failures/failure.ts';

/** Of client-node, for the ServiceAccount of a pod. */
export const POD_CONTEXT = 'inClusterContext';

type Remedies = Readonly<Partial<Record<FailureCode, (context: string) => string>>>;

/** What a person does about a failure of the API server: a command does not try again, as a worker does. */
const REMEDIES: Remedies = {
  'kubernetes/unreachable': (context) =>
    `Check that the API server runs, and that ${context} is the one that you mean (--context, --kubeconfig, KUBECONFIG); then run the command again.`,
  'kubernetes/forbidden': (context) =>
    `Check that the credentials of ${context} have not expired, by logging in again, and that they have this right.`,
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
  const remedies = context === POD_CONTEXT ? POD_REMEDIES : REMEDIES;
  const remedy = error instanceof CertmanError ? remedies[error.code] : undefined;
  if (!(error instanceof CertmanError) || remedy === undefined) return error;
  const { code, message, notBefore } = error.info;
  return new CertmanError({ code, message, notBefore, remedy: remedy(`the context ${context}`), cause: error });
}
