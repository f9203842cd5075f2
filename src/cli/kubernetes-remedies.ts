import { CertmanError, type FailureCode } from '../failures/failure.ts';

/** What a person does about a failure of the API server: a command does not try again, as a worker does. */
const REMEDIES: Readonly<Partial<Record<FailureCode, (context: string) => string>>> = {
  'kubernetes/unreachable': (context) =>
    `Check that the API server runs, and that ${context} is the one that you mean (--context, --kubeconfig, KUBECONFIG); then run the command again.`,
  'kubernetes/forbidden': (context) =>
    `Check that the credentials of ${context} have not expired, by logging in again, and that they have this right.`,
  'kubernetes/unexpected': (context) =>
    `Check what stands between this machine and the API server of ${context}; then run the command again.`,
};

/** The same failure with what the person at the command line does; any other error as it is. @param context its name in the kubeconfig. */
export function withRemedyForPeople(error: unknown, context: string): unknown {
  const remedy = error instanceof CertmanError ? REMEDIES[error.code] : undefined;
  if (!(error instanceof CertmanError) || remedy === undefined) return error;
  const { code, message, notBefore } = error.info;
  return new CertmanError({ code, message, notBefore, remedy: remedy(`the context ${context}`), cause: error });
}
