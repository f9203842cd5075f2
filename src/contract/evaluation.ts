/**
 * The evaluation of what an activity observed of a bundle. Its workflow decides by it; the activity reports by it what
 * the workflow will find where nothing is due. Pure.
 */
import type { BundleNames } from '../certificates/bundle-names.ts';
import { fallbackNote, refusedCaChange } from '../certificates/ca-change.ts';
import type { CertificateFacts } from '../certificates/certificate-facts.ts';
import {
  followsWindow,
  plannedRenewal,
  type RenewalPolicy,
  type RenewalTerms,
} from '../certificates/planned-renewal.ts';
import {
  type NextAction,
  nextAction,
  type PostponableRenewal,
  postponableRenewal,
  type RenewalInputs,
} from '../certificates/renewal-policy.ts';
import type { StatusReport } from '../certificates/status-report.ts';
import type { KnownFacts, RequestObservation } from './activities/kubernetes.ts';
import type { BundleFacts, BundleRecord } from './bundle-record.ts';
import { statusReportOf } from './status-report.ts';

const KEPT_POLICY_NOTE = 'renew-before, which holds now, applies from the next certificate on';

/** What an evaluation finds out. */
export type ObservedFacts = Pick<
  BundleFacts,
  | 'certificate'
  | 'generation'
  | 'renewBeforeDays'
  | 'renewalPolicy'
  | 'renewalPolicyProblem'
  | 'caHost'
  | 'installation'
  | 'fallback'
  | 'suggestedWindow'
  | 'revokedSerialNumber'
  | 'postponement'
  | 'restartTurn'
>;

/** What an evaluation needs of a bundle's record. */
export function knownFactsOf(facts: BundleFacts): KnownFacts {
  const { caHost, suggestedWindow, renewalPolicy, revokedSerialNumber, installation, certificate, restartTurn } = facts;
  const fingerprint = certificate?.fingerprint;
  const postponement = facts.postponement && { reason: facts.postponement.reason, until: facts.postponement.until };
  return {
    caHost,
    suggestedWindow,
    renewalPolicy,
    revokedSerialNumber,
    installation,
    fingerprint,
    restartTurn,
    postponement,
  };
}

/**
 * The facts after an observation: those about another certificate than the one in the Secret are dropped.
 * @param now epoch milliseconds.
 */
export function observedFacts(known: KnownFacts, observation: RequestObservation, now: number): ObservedFacts {
  const { secret, generation, renewBeforeDays, renewalPolicyProblem, issuedByCaHost } = observation;
  const certificate = secret.kind === 'valid' ? secret.certificate : undefined;
  const isSame = certificate === undefined || certificate.fingerprint === known.fingerprint;
  const ofCertificate: KnownFacts = isSame ? known : {};
  const { caHost, suggestedWindow, revokedSerialNumber, installation } = ofCertificate;
  const terms = { ...termsOf(observation, now), suggestedWindow };
  const issuedBy = caHost ?? issuedByCaHost;
  return {
    certificate,
    generation,
    renewBeforeDays,
    renewalPolicy: certificate === undefined ? terms.policy : policyOf(ofCertificate, certificate, terms),
    renewalPolicyProblem,
    caHost: issuedBy,
    installation,
    fallback: certificate && fallbackNote({ ...observation, issuedByCaHost: issuedBy }),
    suggestedWindow,
    revokedSerialNumber,
    // Until it is decided again.
    postponement: undefined,
    restartTurn: observation.restartTurn,
  };
}

/**
 * The policy of a certificate. One that waits for its window by policy `ari` while `renew-before` would have renewed it
 * already keeps `ari`: else a fleet ordered at once when the setting is changed.
 */
function policyOf(
  { renewalPolicy }: KnownFacts,
  certificate: CertificateFacts,
  terms: RenewalTerms,
): RenewalPolicy | undefined {
  if (terms.policy !== undefined || renewalPolicy === undefined) return terms.policy;
  return plannedRenewal(certificate, terms).at <= terms.now ? renewalPolicy : undefined;
}

/** What is asked for at `now` (epoch milliseconds), besides what the policy says. */
export interface RenewalWishes extends Pick<RenewalInputs, 'renewRequested' | 'revokeAfter' | 'campaign'> {
  readonly now: number;
}

/** What the certificate needs at `now` (epoch milliseconds), by the renewal policy. */
export function decideRenewal(
  facts: ObservedFacts,
  dnsNames: readonly string[],
  observation: RequestObservation,
  wishes: RenewalWishes,
): NextAction {
  return nextAction(renewalInputs(facts, dnsNames, observation, wishes));
}

/** The planned renewal that windows, freezes and turns may postpone; undefined: none is due. */
export function duePlannedRenewal(
  facts: ObservedFacts,
  dnsNames: readonly string[],
  observation: RequestObservation,
  now: number,
): PostponableRenewal | undefined {
  return postponableRenewal(renewalInputs(facts, dnsNames, observation, { now }));
}

function renewalInputs(
  { caHost: issuedByCaHost, suggestedWindow, renewalPolicy: policy, revokedSerialNumber }: ObservedFacts,
  dnsNames: readonly string[],
  observation: RequestObservation,
  { now, renewRequested = false, revokeAfter, campaign }: RenewalWishes,
): RenewalInputs {
  const { secret, caHost, fallbackCaHosts, postponement } = observation;
  const terms = termsOf(observation, now);
  const isKept = terms.policy === undefined && followsWindow({ ...terms, policy });
  return {
    ...terms,
    policy,
    policyNote: isKept ? KEPT_POLICY_NOTE : terms.policyNote,
    secret,
    dnsNames,
    renewRequested,
    revokeAfter,
    campaign,
    postponement,
    suggestedWindow,
    issuedByCaHost,
    caHost,
    fallbackCaHosts,
    revoked: secret.kind === 'valid' && secret.certificate.serialNumber === revokedSerialNumber,
  };
}

/** What the renewal time depends on, besides the certificate. */
export function termsOf(
  observation: Pick<RequestObservation, 'request' | 'renewBeforeDays' | 'renewalPolicy' | 'renewalPolicyProblem'>,
  now: number,
): RenewalTerms {
  const { request, renewBeforeDays, renewalPolicy: policy, renewalPolicyProblem: policyNote } = observation;
  return { jitterKey: `${request.namespace}/${request.name}`, now, renewBeforeDays, policy, policyNote };
}

/**
 * The message of a Ready bundle.
 * @param rule why it is renewed then, as a clause.
 * @param fallback that it is from a fallback CA, in a sentence.
 */
export function readyMessage(
  { notAfter }: CertificateFacts,
  renewalTime: string,
  rule: string,
  fallback: string | undefined,
): string {
  const message = `Valid until ${notAfter}; renews at ${renewalTime}: ${rule}.`;
  return fallback === undefined ? message : `${message} ${fallback}`;
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
  const facts = observedFacts(known, observation, now);
  if (refusedCaChange({ ...observation, issuedByCaHost: facts.caHost }) !== undefined) return undefined;
  const action = decideRenewal(facts, dnsNames, observation, { now });
  // Of a postponed renewal, only its workflow knows whether an attempt has failed.
  if (action.kind !== 'sleep' || action.postponement !== undefined) return undefined;
  const { certificate } = action;
  const renewalTime = new Date(action.until).toISOString();
  const record: BundleRecord = {
    ...facts,
    state: 'Ready',
    since: renewalTime,
    message: readyMessage(certificate, renewalTime, action.message, facts.fallback),
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
