import { type CertificateFacts, type Validity, type ValidityMs, validityMs } from './certificate-facts.ts';
import { stableFraction } from './digest.ts';
import { type RenewalWindow, selectTimeInWindow } from './renewal-window.ts';

const DAY_MS = 24 * 3_600_000;

const DEFAULT_RENEW_BEFORE_DAYS = 45;

/** Policy `ari` without a usable window: the share of the lifetime that is then left. As Let's Encrypt's windows. */
const ARI_LEAD = { ofMost: 1 / 3, ofShortLived: 1 / 2, shortLivedMs: 10 * DAY_MS };

/**
 * Policy `ari` follows no instant with less than this share of its lead left. An expiry is near later than that
 * (expiry-level.ts), and Let's Encrypt's windows end earlier.
 */
const MIN_ARI_LEAD_SHARE = 0.8;

/**
 * What determines when a certificate is renewed: a time before its expiry, or the window that its CA suggests for it
 * (ARI, RFC 9773).
 */
export const RENEWAL_POLICIES = ['renew-before', 'ari'] as const;

/** One of {@link RENEWAL_POLICIES}. */
export type RenewalPolicy = (typeof RENEWAL_POLICIES)[number];

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
  /** Absent: `renew-before`. */
  readonly policy?: RenewalPolicy | undefined;
  /** For the message: what else people should know about the policy, as a clause. */
  readonly policyNote?: string | undefined;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** The rule that determines the renewal time; CamelCase, because conditions show it. */
export type RenewalRule = 'RenewBeforeDays' | 'DefaultPolicy' | 'HalfLifetime' | 'SuggestedByCa' | 'NoWindow';

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

/**
 * By policy `renew-before`: by {@link renewalLead}, or in the CA's window if earlier: its load does not justify breaking
 * `renewBeforeDays`. By policy `ari`: in the CA's window, whenever that is. A user's `renewBeforeDays` precedes both.
 */
export function plannedRenewal(
  certificate: Validity & Pick<CertificateFacts, 'certId'>,
  terms: RenewalTerms,
): PlannedRenewal {
  const byAri = followsWindow(terms);
  const planned = byAri ? renewalByAri(certificate, terms) : renewalByLead(certificate, terms);
  const notes = [byAri ? 'policy ari' : undefined, terms.policyNote].filter((note) => note !== undefined);
  return notes.length === 0 ? planned : { ...planned, message: `${planned.message} (${notes.join('; ')})` };
}

/** Whether the CA's window alone determines the renewal. */
export function followsWindow({ policy, renewBeforeDays }: Pick<RenewalTerms, 'policy' | 'renewBeforeDays'>): boolean {
  return policy === 'ari' && !isCustom(renewBeforeDays);
}

function renewalByLead(certificate: Validity & Pick<CertificateFacts, 'certId'>, terms: RenewalTerms): PlannedRenewal {
  const { beforeMs, reason, message } = renewalLead(certificate, terms.renewBeforeDays);
  const byPolicy: PlannedRenewal = { at: beforeExpiry(certificate, beforeMs, terms.jitterKey), reason, message };
  const suggested = suggestedRenewal(certificate.certId, terms);
  return suggested !== undefined && suggested.at < byPolicy.at ? suggested : byPolicy;
}

/**
 * Without a usable window, at an instant near where a CA puts it: never earlier than by the default, and never so late
 * that the expiry is near.
 */
function renewalByAri(certificate: Validity & Pick<CertificateFacts, 'certId'>, terms: RenewalTerms): PlannedRenewal {
  const { beforeMs, left } = leadWithoutWindow(lifetimeOf(certificate));
  const suggested = suggestedRenewal(certificate.certId, terms);
  const latest = Date.parse(certificate.notAfter) - beforeMs * MIN_ARI_LEAD_SHARE;
  // One that has passed is due now, however late it is.
  if (suggested !== undefined && (suggested.at <= terms.now || suggested.at <= latest)) return suggested;
  const { start, end } = terms.suggestedWindow ?? {};
  const why =
    suggested === undefined
      ? 'the CA has suggested no time yet'
      : `the time that the CA suggests, ${start} to ${end}, is too late`;
  const at = beforeExpiry(certificate, beforeMs, terms.jitterKey);
  return { at, reason: 'NoWindow', message: `${left} then left, since ${why}` };
}

function leadWithoutWindow(lifetime: number): { readonly beforeMs: number; readonly left: string } {
  const { ofMost, ofShortLived, shortLivedMs } = ARI_LEAD;
  const isShortLived = lifetime < shortLivedMs;
  const byShare = lifetime * (isShortLived ? ofShortLived : ofMost);
  const byDays = DEFAULT_RENEW_BEFORE_DAYS * DAY_MS;
  if (byShare > byDays) return { beforeMs: byDays, left: `${DEFAULT_RENEW_BEFORE_DAYS} days are` };
  return { beforeMs: byShare, left: `${isShortLived ? 'half' : 'a third'} of its lifetime is` };
}

/** Epoch milliseconds; earlier by the jitter. */
function beforeExpiry(certificate: Validity, beforeMs: number, jitterKey: string): number {
  const maxJitter = Math.min(MAX_JITTER_MS, lifetimeOf(certificate) * MAX_JITTER_SHARE);
  const at = Date.parse(certificate.notAfter) - beforeMs - stableFraction(jitterKey) * maxJitter;
  return Math.floor(at / 1000) * 1000;
}

/**
 * When the renewal of a certificate is due at the latest by whichever policy (epoch milliseconds), where no plan of it is
 * known: that of a paused cluster.
 */
export function latestPlannedRenewal(certificate: ValidityMs, renewBeforeDays: number | undefined): number {
  const beforeMs = renewalLeadMs(certificate, renewBeforeDays);
  const byAri = isCustom(renewBeforeDays) ? beforeMs : leadWithoutWindow(lifetimeMs(certificate)).beforeMs;
  return certificate.notAfter - Math.min(beforeMs, byAri);
}

/** How long before expiry a certificate is renewed: `renewBeforeDays`, but never more than half of its lifetime. */
export function renewalLead(certificate: Validity, renewBeforeDays: number | undefined): RenewalLead {
  const beforeMs = renewalLeadMs(validityMs(certificate), renewBeforeDays);
  const days = leadDays(renewBeforeDays);
  if (beforeMs < days * DAY_MS) {
    const message = `half of its lifetime is then left, since ${days} days would be more than half`;
    return { beforeMs, reason: 'HalfLifetime', message };
  }
  return isCustom(renewBeforeDays)
    ? { beforeMs, reason: 'RenewBeforeDays', message: `${days} days are then left, as renewBeforeDays says` }
    : { beforeMs, reason: 'DefaultPolicy', message: `${days} days are then left, the default` };
}

/** The milliseconds of {@link renewalLead}, for a whole fleet: without its message. */
export function renewalLeadMs(certificate: ValidityMs, renewBeforeDays: number | undefined): number {
  return Math.min(leadDays(renewBeforeDays) * DAY_MS, lifetimeMs(certificate) / 2);
}

function leadDays(renewBeforeDays: number | undefined): number {
  return isCustom(renewBeforeDays) ? renewBeforeDays : DEFAULT_RENEW_BEFORE_DAYS;
}

function isCustom(renewBeforeDays: number | undefined): renewBeforeDays is number {
  return renewBeforeDays !== undefined && renewBeforeDays > 0;
}

/** Milliseconds from notBefore to notAfter. */
export function lifetimeOf(certificate: Validity): number {
  return lifetimeMs(validityMs(certificate));
}

function lifetimeMs({ notBefore, notAfter }: ValidityMs): number {
  return Math.max(0, notAfter - notBefore);
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
