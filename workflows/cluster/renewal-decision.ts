/** What a bundle's certificate needs, asked of the pure renewal policy with what the workflow knows. */

import type { CertificateFacts } from '../../src/certificates/certificate-facts.ts';
import { type PlannedRenewal, plannedRenewal } from '../../src/certificates/planned-renewal.ts';
import { type NextAction, nextAction } from '../../src/certificates/renewal-policy.ts';
import type { RequestObservation } from '../../src/contract/activities.ts';
import type { ClusterState } from './cluster-state.ts';

/** The decision of this moment. @param renewRequested an operator asked for a new certificate. */
export function decideRenewal(
  cluster: ClusterState,
  bundleName: string,
  dnsNames: readonly string[],
  observation: RequestObservation,
  renewRequested: boolean,
): NextAction {
  const { caHost, suggestedWindow, revokedSerialNumber: revoked } = cluster.record(bundleName);
  const { secret } = observation;
  return nextAction({
    ...policyInputOf(observation),
    secret,
    dnsNames,
    renewRequested,
    ...(suggestedWindow === undefined ? {} : { suggestedWindow }),
    ...(caHost === undefined ? {} : { issuedByCaHost: caHost }),
    ...(observation.caHost === undefined ? {} : { caHost: observation.caHost }),
    revoked: secret.kind === 'valid' && secret.certificate.serialNumber === revoked,
  });
}

/** When a certificate that was just issued is renewed, and why then. */
export function plannedRenewalOf(certificate: CertificateFacts, observation: RequestObservation): PlannedRenewal {
  return plannedRenewal(certificate, policyInputOf(observation));
}

/** The key of the spread is the same for a request as long as it lives, another for each. */
function policyInputOf({ request, renewBeforeDays }: RequestObservation) {
  return {
    jitterKey: `${request.namespace}/${request.name}`,
    now: Date.now(),
    ...(renewBeforeDays === undefined ? {} : { renewBeforeDays }),
  };
}
