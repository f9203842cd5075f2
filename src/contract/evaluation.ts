/**
 * The evaluation of what an activity observed of a bundle. Its workflow decides by it; the activity reports by it what
 * the workflow will find where nothing is due. Pure.
 */
import type { BundleNames } from '../certificates/bundle-names.ts';
import { refusedCaChange } from '../certificates/ca-change.ts';
import type { CertificateFacts } from '../certificates/certificate-facts.ts';
import { type NextAction, nextAction } from '../certificates/renewal-policy.ts';
import type { StatusReport } from '../certificates/status-report.ts';
import type { KnownFacts, RequestObservation } from './activities.ts';
import type { BundleFacts, BundleRecord } from './bundle-record.ts';
import { statusReportOf } from './status-report.ts';

/** What an evaluation finds out. */
export type ObservedFacts = Pick<
  BundleFacts,
  'certificate' | 'renewBeforeDays' | 'caHost' | 'suggestedWindow' | 'revokedSerialNumber'
>;

/** What an evaluation needs of a bundle's record. */
export function knownFactsOf({ caHost, suggestedWindow, revokedSerialNumber, certificate }: BundleFacts): KnownFacts {
  return { caHost, suggestedWindow, revokedSerialNumber, fingerprint: certificate?.fingerprint };
}

/** The facts after an observation: those about another certificate than the one in the Secret are dropped. */
export function observedFacts(
  { caHost, suggestedWindow, revokedSerialNumber, fingerprint }: KnownFacts,
  { secret, renewBeforeDays, issuedByCaHost }: RequestObservation,
): ObservedFacts {
  const certificate = secret.kind === 'valid' ? secret.certificate : undefined;
  const isSame = certificate === undefined || certificate.fingerprint === fingerprint;
  return {
    certificate,
    renewBeforeDays,
    caHost: (isSame ? caHost : undefined) ?? issuedByCaHost,
    suggestedWindow: isSame ? suggestedWindow : undefined,
    revokedSerialNumber: isSame ? revokedSerialNumber : undefined,
  };
}

/** What the certificate needs at `now` (epoch milliseconds), by the renewal policy. */
export function decideRenewal(
  { caHost: issuedByCaHost, suggestedWindow, revokedSerialNumber }: ObservedFacts,
  dnsNames: readonly string[],
  observation: RequestObservation,
  { now, renewRequested = false }: { readonly now: number; readonly renewRequested?: boolean },
): NextAction {
  const { secret, caHost } = observation;
  return nextAction({
    ...termsOf(observation, now),
    secret,
    dnsNames,
    renewRequested,
    suggestedWindow,
    issuedByCaHost,
    caHost,
    revoked: secret.kind === 'valid' && secret.certificate.serialNumber === revokedSerialNumber,
  });
}

/** What the renewal time depends on, besides the certificate. */
export function termsOf({ request, renewBeforeDays }: RequestObservation, now: number) {
  return { jitterKey: `${request.namespace}/${request.name}`, now, renewBeforeDays };
}

/** The message of a Ready bundle. @param rule why it is renewed then, as a clause. */
export function readyMessage({ notAfter }: CertificateFacts, renewalTime: string, rule: string): string {
  return `Valid until ${notAfter}; renews at ${renewalTime}: ${rule}.`;
}

/** What an activity reports by. */
export interface SettledInputs {
  readonly bundleName: string;
  readonly secretName: string;
  readonly names: BundleNames;
  readonly known: KnownFacts;
  readonly observation: RequestObservation;
  readonly workflowId: string;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** The report of a bundle of which nothing is due; undefined where its workflow has to act. */
export function settledReport(inputs: SettledInputs): StatusReport | undefined {
  const { bundleName, secretName, names, known, observation, workflowId, now } = inputs;
  if (names.kind === 'invalid' || observation.writeError !== undefined) return undefined;
  const { dnsNames } = names;
  const facts = observedFacts(known, observation);
  if (refusedCaChange({ ...observation, issuedByCaHost: facts.caHost }) !== undefined) return undefined;
  const action = decideRenewal(facts, dnsNames, observation, { now });
  if (action.kind !== 'sleep') return undefined;
  const { certificate } = action;
  const renewalTime = new Date(action.until).toISOString();
  const record: BundleRecord = {
    ...facts,
    state: 'Ready',
    since: renewalTime,
    message: readyMessage(certificate, renewalTime, action.message),
    certificate,
    renewalTime,
    secretName,
    requestName: observation.request.name,
    dnsNames,
    orders: 0,
    issued: [],
  };
  return statusReportOf(bundleName, record, workflowId, now);
}
