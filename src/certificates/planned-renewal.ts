/** When a good certificate is renewed, and which rule says so. Pure. */
import type { CertificateFacts } from './certificate-facts.ts';
import { stableFraction } from './digest.ts';
import { applicableWindow, type RenewalWindow, selectTimeInWindow } from './renewal-window.ts';

const DAY_MS = 24 * 3_600_000;

/** Days left at which a certificate is renewed unless the user says otherwise. */
export const DEFAULT_RENEW_BEFORE_DAYS = 45;

/** Renewals are spread over up to this much earlier, so that clusters installed together are not renewed together. */
export const MAX_JITTER_MS = DAY_MS;

/** The spread is never more than this share of the lifetime: a short certificate keeps most of its life. */
const MAX_JITTER_SHARE = 1 / 50;

/** What the instant of a renewal depends on, besides the certificate. */
export interface RenewalTerms {
  /** As the user set it; unset or <= 0: the default. */
  readonly renewBeforeDays?: number;
  /** Anything stable for this certificate's place (namespace/name of the request): decides its spread. */
  readonly jitterKey: string;
  /** What the CA last suggested; ignored unless it is of this very certificate. */
  readonly suggestedWindow?: RenewalWindow;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** Which rule gives the instant; CamelCase, used as condition reasons as well. */
export type RenewalRule = 'RenewBeforeDays' | 'DefaultPolicy' | 'HalfLifetime' | 'SuggestedByCa';

export interface PlannedRenewal {
  /** Epoch milliseconds; in the past or `now` when it is due. */
  readonly at: number;
  readonly reason: RenewalRule;
  /** Why then, as a clause to follow a colon or a dash. */
  readonly message: string;
}

/** How much of a certificate's life is to be left at its renewal, the spread aside. */
export interface RenewalLead {
  /** Milliseconds. */
  readonly beforeMs: number;
  readonly reason: Exclude<RenewalRule, 'SuggestedByCa'>;
  readonly message: string;
}

/**
 * The one answer to "when is it renewed": by the policy, or at the instant in the CA's window where that is earlier. A window
 * later than the policy delays nothing: what it is for, spreading the CA's load, is not worth a promise to a user.
 */
export function plannedRenewal(
  certificate: Pick<CertificateFacts, 'notBefore' | 'notAfter' | 'certId'>,
  terms: RenewalTerms,
): PlannedRenewal {
  const lead = renewalLead(certificate, terms.renewBeforeDays);
  const byPolicy: PlannedRenewal = {
    at: withJitter(certificate, lead.beforeMs, terms.jitterKey),
    reason: lead.reason,
    message: lead.message,
  };
  const bySuggestion = suggestedRenewal(certificate, terms);
  return bySuggestion !== undefined && bySuggestion.at < byPolicy.at ? bySuggestion : byPolicy;
}

/**
 * What is to be left of a certificate's life when it is renewed: `renewBeforeDays` (default 45), but never more than half of
 * its lifetime.
 */
export function renewalLead(
  certificate: Pick<CertificateFacts, 'notBefore' | 'notAfter'>,
  renewBeforeDays: number | undefined,
): RenewalLead {
  const userSays = renewBeforeDays !== undefined && renewBeforeDays > 0;
  const days = userSays ? renewBeforeDays : DEFAULT_RENEW_BEFORE_DAYS;
  const half = lifetimeOf(certificate) / 2;
  if (days * DAY_MS > half) {
    return {
      beforeMs: half,
      reason: 'HalfLifetime',
      message: `half of its lifetime is then left, the most there may be (${days} days were wanted)`,
    };
  }
  return userSays
    ? {
        beforeMs: days * DAY_MS,
        reason: 'RenewBeforeDays',
        message: `${days} days are then left, as renewBeforeDays says`,
      }
    : { beforeMs: days * DAY_MS, reason: 'DefaultPolicy', message: `${days} days are then left, the default` };
}

/** Milliseconds from notBefore to notAfter. */
export function lifetimeOf(certificate: Pick<CertificateFacts, 'notBefore' | 'notAfter'>): number {
  return Math.max(0, Date.parse(certificate.notAfter) - Date.parse(certificate.notBefore));
}

function withJitter(
  certificate: Pick<CertificateFacts, 'notBefore' | 'notAfter'>,
  before: number,
  jitterKey: string,
): number {
  const spread = stableFraction(jitterKey) * Math.min(MAX_JITTER_MS, lifetimeOf(certificate) * MAX_JITTER_SHARE);
  // Whole seconds: people read it.
  return Math.floor((Date.parse(certificate.notAfter) - before - spread) / 1000) * 1000;
}

function suggestedRenewal(
  certificate: Pick<CertificateFacts, 'certId'>,
  terms: RenewalTerms,
): PlannedRenewal | undefined {
  const window = applicableWindow(terms.suggestedWindow, certificate);
  if (window === undefined) return;
  const at = selectTimeInWindow(window, terms.now);
  if (at === undefined) return;
  const why = window.explanationUrl === undefined ? '' : `, see ${window.explanationUrl}`;
  return {
    at,
    reason: 'SuggestedByCa',
    message: `the CA suggests a renewal between ${window.start} and ${window.end}${why}`,
  };
}
