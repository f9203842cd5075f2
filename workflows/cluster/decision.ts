/** What a bundle's certificate needs, asked of the pure renewal policy with what the workflow knows. */
import type { RequestObservation } from '../../activities/contract.ts';
import type { CertificateFacts } from '../../src/certificates/certificate-facts.ts';
import { type PlannedRenewal, plannedRenewal } from '../../src/certificates/planned-renewal.ts';
import { type NextAction, nextAction } from '../../src/certificates/renewal-policy.ts';
import type { ClusterState } from './cluster-state.ts';

/** The decision of this moment. @param renewRequested an operator asked for a new certificate. */
export function decide(
  cluster: ClusterState,
  bundleName: string,
  dnsNames: readonly string[],
  observation: RequestObservation,
  renewRequested: boolean,
): NextAction {
  const { environment, suggestedWindow, revoked } = cluster.record(bundleName);
  const { secret } = observation;
  return nextAction({
    ...termsOf(observation),
    secret,
    dnsNames,
    renewRequested,
    ...(suggestedWindow === undefined ? {} : { suggestedWindow }),
    ...(environment === undefined ? {} : { issuedBy: environment }),
    ...(observation.environment === undefined ? {} : { environment: observation.environment }),
    revoked: secret.kind === 'valid' && secret.certificate.serialNumber === revoked,
  });
}

/** When a certificate that was just issued is renewed, and why then. */
export function renewalOf(certificate: CertificateFacts, observation: RequestObservation): PlannedRenewal {
  return plannedRenewal(certificate, termsOf(observation));
}

/** The key of the spread is the same for a request as long as it lives, another for each. */
function termsOf({ request, renewBeforeDays }: RequestObservation) {
  return {
    spreadKey: `${request.namespace}/${request.name}`,
    now: Date.now(),
    ...(renewBeforeDays === undefined ? {} : { renewBeforeDays }),
  };
}
