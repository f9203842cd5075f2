/**
 * What a bundle's certificate needs now, and why. Pure: a chain of small questions, each with its reason, in order of urgency.
 */
import type { CertificateFacts, SecretObservation } from './certificate-facts.ts';
import { type PlannedRenewal, plannedRenewal, type RenewalRule, type RenewalTerms } from './planned-renewal.ts';

/** Host of Let's Encrypt's production directory (letsencrypt.org/getting-started). */
const LETS_ENCRYPT_PRODUCTION = 'acme-v02.api.letsencrypt.org';

/** How the CNs of all issuers of Let's Encrypt's staging environment begin (letsencrypt.org/docs/staging-environment). */
const LETS_ENCRYPT_STAGING_ISSUER_PREFIX = '(STAGING)';

const MAX_NAMES_SHOWN = 3;

export interface RenewalInputs extends RenewalTerms {
  readonly secret: SecretObservation;
  /** Names the certificate must have. */
  readonly dnsNames: readonly string[];
  /** Host of the directory of the CA that issued the certificate in the Secret, where that was recorded. */
  readonly issuedByCaHost?: string;
  /** Host of the directory that an order would go to now, where that is known. */
  readonly caHost?: string;
  /** The CA is known to have revoked the certificate in the Secret. */
  readonly revoked?: boolean;
  /** An operator asked for a new certificate, whatever there is. */
  readonly renewRequested?: boolean;
}

/** CamelCase reasons, used as condition reasons as well. */
export type OrderReason =
  | 'SecretMissing'
  | 'SecretBroken'
  | 'KeyMismatch'
  | 'NamesMissing'
  | 'Revoked'
  | 'CaChanged'
  | 'Expired'
  | 'SuggestedByCa'
  | 'RenewalDue'
  | 'RenewRequested';

/** Why a certificate is ordered, in a word and in a sentence. */
export interface OrderCause {
  readonly reason: OrderReason;
  readonly message: string;
}

export type NextAction =
  | ({ readonly kind: 'order' } & OrderCause)
  | {
      readonly kind: 'sleep';
      /** Epoch milliseconds. */
      readonly until: number;
      readonly certificate: CertificateFacts;
      /** The rule that gives the instant. */
      readonly reason: RenewalRule;
      /** Why then, as a clause. */
      readonly message: string;
    };

/** One question: is this a reason to order now? */
type OrderRule = (inputs: RenewalInputs) => OrderCause | undefined;

/** The policy. The first rule that has something to say is the reason that people are told. */
const ORDER_RULES: readonly OrderRule[] = [
  secretMissing,
  keyMismatch,
  secretBroken,
  forCertificate(namesMissing),
  forCertificate(revoked),
  forCertificate(caChanged),
  forCertificate(expired),
  forCertificate(suggestedByCa),
  forCertificate(renewalDue),
  renewRequested,
];

/** The one decision: order now, or sleep until an exact instant. */
export function nextAction(inputs: RenewalInputs): NextAction {
  for (const rule of ORDER_RULES) {
    const cause = rule(inputs);
    if (cause !== undefined) return { kind: 'order', ...cause };
  }
  const { secret } = inputs;
  if (secret.kind !== 'valid') throw new TypeError('a Secret without a certificate is a reason to order');
  const { at, reason, message } = plannedRenewal(secret.certificate, inputs);
  return { kind: 'sleep', until: at, certificate: secret.certificate, reason, message };
}

function secretMissing({ secret }: RenewalInputs): OrderCause | undefined {
  if (secret.kind !== 'missing') return;
  return { reason: 'SecretMissing', message: 'There is no certificate in the Secret yet.' };
}

function keyMismatch({ secret }: RenewalInputs): OrderCause | undefined {
  if (secret.kind !== 'broken' || secret.keyMismatch !== true) return;
  return { reason: 'KeyMismatch', message: `Key and certificate do not belong together: ${secret.message}` };
}

function secretBroken({ secret }: RenewalInputs): OrderCause | undefined {
  if (secret.kind !== 'broken') return;
  return { reason: 'SecretBroken', message: `What the Secret holds cannot serve: ${secret.message}` };
}

/** The rules from here on are about a certificate that could serve. */
function forCertificate(
  rule: (certificate: CertificateFacts, inputs: RenewalInputs) => OrderCause | undefined,
): OrderRule {
  return (inputs) => (inputs.secret.kind === 'valid' ? rule(inputs.secret.certificate, inputs) : undefined);
}

function namesMissing(certificate: CertificateFacts, inputs: RenewalInputs): OrderCause | undefined {
  const lacking = missingNames(certificate.dnsNames, inputs.dnsNames);
  if (lacking.length === 0) return;
  const told = lacking.slice(0, MAX_NAMES_SHOWN).join(', ');
  const untold = lacking.length - MAX_NAMES_SHOWN;
  return {
    reason: 'NamesMissing',
    message: `The certificate lacks ${told}${untold > 0 ? ` and ${untold} more` : ''}.`,
  };
}

function revoked(certificate: CertificateFacts, inputs: RenewalInputs): OrderCause | undefined {
  if (inputs.revoked !== true) return;
  return { reason: 'Revoked', message: `The CA has revoked certificate ${certificate.serialNumber}.` };
}

/** A CA that is not known on either side is no reason by itself: after an upgrade nothing was recorded yet. */
function caChanged(certificate: CertificateFacts, inputs: RenewalInputs): OrderCause | undefined {
  const { issuedByCaHost: issuedBy, caHost } = inputs;
  if (caHost === undefined) return;
  if (issuedBy !== undefined) {
    if (issuedBy.toLowerCase() === caHost.toLowerCase()) return;
    return {
      reason: 'CaChanged',
      message: `The certificate was issued by ${issuedBy}; certificates now come from ${caHost}.`,
    };
  }
  if (caHost.toLowerCase() !== LETS_ENCRYPT_PRODUCTION) return;
  if (!certificate.issuerName.startsWith(LETS_ENCRYPT_STAGING_ISSUER_PREFIX)) return;
  return {
    reason: 'CaChanged',
    message: `The certificate was issued by ${certificate.issuerName}, which nobody trusts; certificates now come from ${caHost}.`,
  };
}

function expired(certificate: CertificateFacts, inputs: RenewalInputs): OrderCause | undefined {
  if (Date.parse(certificate.notAfter) > inputs.now) return;
  return { reason: 'Expired', message: `The certificate expired at ${certificate.notAfter}.` };
}

function suggestedByCa(certificate: CertificateFacts, inputs: RenewalInputs): OrderCause | undefined {
  const due = dueRenewal(certificate, inputs);
  if (due?.reason !== 'SuggestedByCa') return;
  return {
    reason: 'SuggestedByCa',
    message: `The certificate expires at ${certificate.notAfter}, but ${due.message}.`,
  };
}

function renewalDue(certificate: CertificateFacts, inputs: RenewalInputs): OrderCause | undefined {
  const due = dueRenewal(certificate, inputs);
  if (due === undefined || due.reason === 'SuggestedByCa') return;
  return {
    reason: 'RenewalDue',
    message: `The certificate expires at ${certificate.notAfter}; its renewal was due at ${new Date(due.at).toISOString()}: ${due.message}.`,
  };
}

function dueRenewal(certificate: CertificateFacts, inputs: RenewalInputs): PlannedRenewal | undefined {
  const planned = plannedRenewal(certificate, inputs);
  return planned.at <= inputs.now ? planned : undefined;
}

/** Last: where anything else is wrong too, that is the better story. */
function renewRequested(inputs: RenewalInputs): OrderCause | undefined {
  if (inputs.renewRequested !== true) return;
  return { reason: 'RenewRequested', message: 'An operator asked for it.' };
}

/** Names wanted that the certificate does not carry; compared without regard to case. */
export function missingNames(present: readonly string[], wanted: readonly string[]): readonly string[] {
  const have = new Set(present.map((name) => name.toLowerCase()));
  return wanted.filter((name) => !have.has(name.toLowerCase()));
}
