import type { CertificateFacts, Validity } from './certificate-facts.ts';
import { stableFraction } from './digest.ts';
import { type RenewalWindow, selectTimeInWindow } from './renewal-window.ts';

const DAY_MS = 24 * 3_600_000;

const DEFAULT_RENEW_BEFORE_DAYS = 45;

/** Renewals are up to this much earlier, so that certificates issued together are not renewed together. */
const MAX_JITTER_MS = DAY_MS;

/** Share of the lifetime that the jitter does not exceed: short-lived certificates keep most of their life. */
const MAX_JITTER_SHARE = 1 / 50;

/** What the renewal time depends on, besides the certificate. */
export interface RenewalTerms {
  /** From the CertificateRequest; undefined or <= 0: the default. */
  readonly renewBeforeDays?: number | undefined;
  /** Determines the jitter; constant for a CertificateRequest (namespace/name). */
  readonly jitterKey: string;
  /** Ignored unless it belongs to this certificate. */
  readonly suggestedWindow?: RenewalWindow | undefined;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** The rule that determines the renewal time; CamelCase, because conditions show it. */
export type RenewalRule = 'RenewBeforeDays' | 'DefaultPolicy' | 'HalfLifetime' | 'SuggestedByCa';

/** When a certificate is renewed (epoch milliseconds; <= `now` when due), and why then. */
export interface PlannedRenewal {
  readonly at: number;
  readonly reason: RenewalRule;
  /** A clause to follow a colon. */
  readonly message: string;
}

/** How long before expiry a certificate is renewed, without jitter. */
export interface RenewalLead extends Omit<PlannedRenewal, 'at'> {
  readonly beforeMs: number;
}

/** By {@link renewalLead}, or in the CA's window if earlier: its load does not justify breaking `renewBeforeDays`. */
export function plannedRenewal(
  certificate: Validity & Pick<CertificateFacts, 'certId'>,
  terms: RenewalTerms,
): PlannedRenewal {
  const { beforeMs, reason, message } = renewalLead(certificate, terms.renewBeforeDays);
  const maxJitter = Math.min(MAX_JITTER_MS, lifetimeOf(certificate) * MAX_JITTER_SHARE);
  const at = Date.parse(certificate.notAfter) - beforeMs - stableFraction(terms.jitterKey) * maxJitter;
  const byPolicy: PlannedRenewal = { at: Math.floor(at / 1000) * 1000, reason, message };
  const suggested = suggestedRenewal(certificate.certId, terms);
  return suggested !== undefined && suggested.at < byPolicy.at ? suggested : byPolicy;
}

/** How long before expiry a certificate is renewed: `renewBeforeDays`, but never more than half of its lifetime. */
export function renewalLead(certificate: Validity, renewBeforeDays: number | undefined): RenewalLead {
  const custom = renewBeforeDays !== undefined && renewBeforeDays > 0;
  const days = custom ? renewBeforeDays : DEFAULT_RENEW_BEFORE_DAYS;
  const beforeMs = days * DAY_MS;
  const half = lifetimeOf(certificate) / 2;
  if (beforeMs > half) {
    const message = `half of its lifetime is then left, the most there may be (${days} days were wanted)`;
    return { beforeMs: half, reason: 'HalfLifetime', message };
  }
  return custom
    ? { beforeMs, reason: 'RenewBeforeDays', message: `${days} days are then left, as renewBeforeDays says` }
    : { beforeMs, reason: 'DefaultPolicy', message: `${days} days are then left, the default` };
}

/** Milliseconds from notBefore to notAfter. */
export function lifetimeOf(certificate: Validity): number {
  return Math.max(0, Date.parse(certificate.notAfter) - Date.parse(certificate.notBefore));
}

function suggestedRenewal(
  certId: string | undefined,
  { suggestedWindow, now }: RenewalTerms,
): PlannedRenewal | undefined {
  if (suggestedWindow === undefined || suggestedWindow.certId !== certId) return undefined;
  const at = selectTimeInWindow(suggestedWindow, now);
  if (at === undefined) return undefined;
  const { start, end, explanationUrl } = suggestedWindow;
  const why = explanationUrl === undefined ? '' : `, see ${explanationUrl}`;
  return { at, reason: 'SuggestedByCa', message: `the CA suggests a renewal between ${start} and ${end}${why}` };
}
