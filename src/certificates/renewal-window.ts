import type { CertificateFacts } from './certificate-facts.ts';
import { stableFraction } from './digest.ts';

/** The CA's suggested window (ARI, RFC 9773 §4.2) for the certificate of `certId`, never for another. RFC 3339. */
export interface RenewalWindow {
  readonly certId: string;
  readonly start: string;
  readonly end: string;
  /** Page of the CA that explains the window. */
  readonly explanationUrl?: string | undefined;
}

/** Returns the window if it is well-formed and belongs to this certificate. */
export function applicableWindow(
  window: RenewalWindow | undefined,
  certificate: Pick<CertificateFacts, 'certId'>,
): RenewalWindow | undefined {
  if (window === undefined || certificate.certId === undefined || window.certId !== certificate.certId)
    return undefined;
  return boundsOf(window) === undefined ? undefined : window;
}

/**
 * Selects the renewal time by RFC 9773 §4.2: uniform over certificates, constant for each, `now` once it has passed.
 * @returns epoch milliseconds, >= `now`; undefined for a window that does not end after it starts.
 */
export function selectTimeInWindow(window: RenewalWindow, now: number): number | undefined {
  const bounds = boundsOf(window);
  if (bounds === undefined) return undefined;
  const chosen = bounds.start + stableFraction(window.certId) * (bounds.end - bounds.start);
  // Rounded up, so as not to lie before the window.
  return Math.max(now, Math.ceil(chosen / 1000) * 1000);
}

function boundsOf(window: RenewalWindow): { readonly start: number; readonly end: number } | undefined {
  const start = Date.parse(window.start);
  const end = Date.parse(window.end);
  // False for NaN: a window with a malformed instant is malformed.
  return start < end ? { start, end } : undefined;
}

/** The renewal that a workflow has planned (RFC 3339), from the status of its CertificateRequest. */
export interface KnownRenewal {
  readonly suggestedWindow?: RenewalWindow | undefined;
  readonly renewalTime?: string | undefined;
}

/** Whether a window moves the planned renewal, or has a new explanation. @param now epoch milliseconds. */
export function changesRenewalTime(window: RenewalWindow, known: KnownRenewal, now: number): boolean {
  const selected = selectTimeInWindow(window, now);
  if (selected === undefined) return false;
  const { suggestedWindow, renewalTime } = known;
  if (suggestedWindow?.certId === window.certId) {
    return (
      selectTimeInWindow(suggestedWindow, now) !== selected || suggestedWindow.explanationUrl !== window.explanationUrl
    );
  }
  return renewalTime !== undefined && selected < Date.parse(renewalTime);
}
