import type { CertificateFacts } from '../../src/certificates/certificate-facts.ts';
import { type PlannedRenewal, plannedRenewal } from '../../src/certificates/planned-renewal.ts';
import { type NextAction, nextAction } from '../../src/certificates/renewal-policy.ts';
import type { RequestObservation } from '../../src/contract/activities.ts';
import type { Bundle } from './bundle.ts';

/** What the certificate needs now, by the renewal policy. */
export function decideRenewal(
  { record, attempts }: Bundle,
  dnsNames: readonly string[],
  observation: RequestObservation,
): NextAction {
  const { caHost, suggestedWindow, revokedSerialNumber } = record;
  const { secret } = observation;
  return nextAction({
    ...termsOf(observation),
    secret,
    dnsNames,
    renewRequested: attempts.requested,
    suggestedWindow,
    issuedByCaHost: caHost,
    caHost: observation.caHost,
    revoked: secret.kind === 'valid' && secret.certificate.serialNumber === revokedSerialNumber,
  });
}

/** When a new certificate is renewed, and by which rule. */
export function plannedRenewalOf(certificate: CertificateFacts, observation: RequestObservation): PlannedRenewal {
  return plannedRenewal(certificate, termsOf(observation));
}

function termsOf({ request, renewBeforeDays }: RequestObservation) {
  return { jitterKey: `${request.namespace}/${request.name}`, now: Date.now(), renewBeforeDays };
}

/** The message of a Ready bundle. @param rule why it is renewed then, as a clause. */
export function readyMessage({ notAfter }: CertificateFacts, renewalTime: string, rule: string): string {
  return `Valid until ${notAfter}; renews at ${renewalTime}: ${rule}.`;
}
