/**
 * What is recorded and reported of a certificate that an order has put into its Secret. The cluster's workflow records it; the
 * activity that installed the certificate reports by it what that workflow will record. Pure.
 */
import { fallbackNote } from '../certificates/ca-change.ts';
import type { CertificateFacts } from '../certificates/certificate-facts.ts';
import { describeNames } from '../certificates/describe-names.ts';
import { plannedRenewal } from '../certificates/planned-renewal.ts';
import type { RenewalWindow } from '../certificates/renewal-window.ts';
import type { StatusReport } from '../certificates/status-report.ts';
import type { RequestObservation } from './activities/kubernetes.ts';
import type { BundleFacts } from './bundle-record.ts';
import { readyMessage, termsOf } from './evaluation.ts';
import { statusReportOf } from './status-report.ts';

/** The parts of the observation that an order was decided by on which the record of its certificate depends. */
export type ObservedTerms = Pick<
  RequestObservation,
  'request' | 'renewBeforeDays' | 'renewalPolicy' | 'renewalPolicyProblem' | 'caHost' | 'fallbackCaHosts'
> & {
  readonly replacedSerialNumber?: string | undefined;
};

/** A certificate that is in its Secret. */
export interface IssuedOutcome {
  readonly certificate: CertificateFacts;
  /** Directory host of the CA that issued it. */
  readonly caHost: string;
  /** RFC 3339; absent: now. */
  readonly installedAt?: string | undefined;
  readonly suggestedWindow?: RenewalWindow | undefined;
  /** Why it is from a fallback CA, in a sentence. */
  readonly failover?: string | undefined;
}

/** The facts of the bundle that change with the certificate. */
export type IssuedFacts = Pick<
  BundleFacts,
  | 'message'
  | 'certificate'
  | 'installation'
  | 'caHost'
  | 'fallback'
  | 'suggestedWindow'
  | 'renewalPolicy'
  | 'revokedSerialNumber'
>;

/** @param now epoch milliseconds. @returns the facts, and when the certificate is renewed (epoch milliseconds). */
export function issuedFacts(
  observation: ObservedTerms,
  { certificate, caHost, installedAt, suggestedWindow }: IssuedOutcome,
  now: number,
): { readonly facts: IssuedFacts; readonly renewalAt: number } {
  const fallback = fallbackNote({ ...observation, issuedByCaHost: caHost });
  const renewal = plannedRenewal(certificate, { ...termsOf(observation, now), suggestedWindow });
  const facts = {
    message: readyMessage(certificate, new Date(renewal.at).toISOString(), renewal.message, fallback),
    certificate,
    installation: {
      time: installedAt ?? new Date(now).toISOString(),
      replacedSerialNumber: observation.replacedSerialNumber,
    },
    caHost,
    fallback,
    suggestedWindow,
    renewalPolicy: observation.renewalPolicy,
    revokedSerialNumber: undefined,
  };
  return { facts, renewalAt: renewal.at };
}

/** The Event of an issuance. */
export function issuedEvent(
  secretName: string,
  { certificate, caHost, failover }: IssuedOutcome,
  isRenewal: boolean,
): NonNullable<StatusReport['event']> {
  const { serialNumber, issuerName, dnsNames, notAfter } = certificate;
  const from = failover === undefined ? '' : ` It is from the fallback CA ${caHost}: ${failover}`;
  return {
    type: 'Normal',
    reason: isRenewal ? 'Renewed' : 'Issued',
    message: `Certificate ${serialNumber} by ${issuerName} for ${describeNames(dnsNames)} is in Secret ${secretName}, valid until ${notAfter}.${from}`,
  };
}

/** What an activity reports an issuance by. */
export interface IssuedInputs {
  readonly bundleName: string;
  readonly secretName: string;
  readonly observation: ObservedTerms & Pick<RequestObservation, 'generation'>;
  readonly outcome: IssuedOutcome;
  readonly isRenewal: boolean;
  /** Of the cluster. */
  readonly workflowId: string;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** The report of an issuance, with its Event. */
export function issuedReport(inputs: IssuedInputs): StatusReport {
  const { bundleName, secretName, observation, outcome, isRenewal, workflowId, now } = inputs;
  const { facts, renewalAt } = issuedFacts(observation, outcome, now);
  const { request, generation, renewBeforeDays, renewalPolicyProblem } = observation;
  const renewalTime = new Date(renewalAt).toISOString();
  const record = {
    ...facts,
    state: 'Ready' as const,
    since: renewalTime,
    certificate: outcome.certificate,
    renewalTime,
    generation,
    renewBeforeDays,
    renewalPolicyProblem,
    secretName,
    requestName: request.name,
    dnsNames: outcome.certificate.dnsNames,
    orders: 0,
    issued: [],
  };
  return {
    ...statusReportOf(bundleName, record, workflowId, now),
    event: issuedEvent(secretName, outcome, isRenewal),
  };
}
