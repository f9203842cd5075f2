/**
 * What a bundle's certificate needs now, and why. Pure: a chain of small questions, each with its reason, in order of urgency.
 */
import { digestOf } from '../clusters/digest.ts';
import type { CertificateFacts, SecretObservation } from './certificate-facts.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Days left at which a certificate is renewed unless the user says otherwise. */
export const DEFAULT_RENEW_BEFORE_DAYS = 45;

/** Renewals are spread over up to this much earlier, so that clusters installed together are not renewed together. */
export const LONGEST_SPREAD_MS = DAY_MS;

/** The spread is never more than this share of the lifetime: a short certificate keeps most of its life. */
const SPREAD_SHARE = 1 / 50;

export interface RenewalInputs {
  readonly secret: SecretObservation;
  /** Names the certificate must have. */
  readonly dnsNames: readonly string[];
  /** As the user set it; unset or <= 0: the default. */
  readonly renewBeforeDays?: number;
  /** Anything stable for this certificate's place (namespace/name of the request): decides its spread. */
  readonly spreadKey: string;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** CamelCase reasons, used as condition reasons as well. */
export type OrderReason =
  | 'SecretMissing'
  | 'SecretBroken'
  | 'NamesMissing'
  | 'Expired'
  | 'RenewalDue'
  | 'RenewRequested';

export type NextAction =
  | { readonly kind: 'order'; readonly reason: OrderReason; readonly message: string }
  | { readonly kind: 'sleep'; readonly until: number; readonly certificate: CertificateFacts };

/** The one decision: order now, or sleep until an exact instant. */
export function nextAction(inputs: RenewalInputs): NextAction {
  const { secret } = inputs;
  switch (secret.kind) {
    case 'missing':
      return { kind: 'order', reason: 'SecretMissing', message: 'There is no certificate in the Secret yet.' };
    case 'broken':
      return {
        kind: 'order',
        reason: 'SecretBroken',
        message: `What the Secret holds cannot serve: ${secret.message}`,
      };
    case 'valid':
      return whatValidNeeds(secret.certificate, inputs);
  }
}

function whatValidNeeds(certificate: CertificateFacts, inputs: RenewalInputs): NextAction {
  const lacking = missingNames(certificate.dnsNames, inputs.dnsNames);
  if (lacking.length > 0) {
    return {
      kind: 'order',
      reason: 'NamesMissing',
      message: `The certificate lacks ${lacking.slice(0, 3).join(', ')}${lacking.length > 3 ? ` and ${lacking.length - 3} more` : ''}.`,
    };
  }
  if (Date.parse(certificate.notAfter) <= inputs.now) {
    return { kind: 'order', reason: 'Expired', message: `The certificate expired at ${certificate.notAfter}.` };
  }
  const until = renewalInstant(certificate, inputs.renewBeforeDays, inputs.spreadKey);
  if (until <= inputs.now) {
    return {
      kind: 'order',
      reason: 'RenewalDue',
      message: `The certificate expires at ${certificate.notAfter}; its renewal was due at ${new Date(until).toISOString()}.`,
    };
  }
  return { kind: 'sleep', until, certificate };
}

/** Names wanted that the certificate does not carry; compared without regard to case. */
export function missingNames(present: readonly string[], wanted: readonly string[]): readonly string[] {
  const have = new Set(present.map((name) => name.toLowerCase()));
  return wanted.filter((name) => !have.has(name.toLowerCase()));
}

/**
 * When a certificate is renewed: `renewBeforeDays` (default 45) before it expires, but never with more than half of its
 * lifetime still to go, and up to a day (or a fiftieth of the lifetime) earlier, the same for the same key.
 * @returns epoch milliseconds.
 */
export function renewalInstant(
  certificate: Pick<CertificateFacts, 'notBefore' | 'notAfter'>,
  renewBeforeDays: number | undefined,
  spreadKey: string,
): number {
  const notBefore = Date.parse(certificate.notBefore);
  const notAfter = Date.parse(certificate.notAfter);
  const lifetime = Math.max(0, notAfter - notBefore);
  const wanted = renewBeforeDays !== undefined && renewBeforeDays > 0 ? renewBeforeDays : DEFAULT_RENEW_BEFORE_DAYS;
  const before = Math.min(wanted * DAY_MS, lifetime / 2);
  const spread = fractionOf(spreadKey) * Math.min(LONGEST_SPREAD_MS, lifetime * SPREAD_SHARE);
  // Whole seconds: people read it.
  return Math.floor((notAfter - before - spread) / 1000) * 1000;
}

/** A number in [0, 1) that is always the same for the same text. */
export function fractionOf(text: string): number {
  return Number.parseInt(digestOf(text).slice(0, 8), 16) / 2 ** 32;
}
