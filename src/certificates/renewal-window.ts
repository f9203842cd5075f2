/** When the CA suggests that a certificate be renewed (RFC 9773 §4.2). Pure. */
import type { CertificateFacts } from './certificate-facts.ts';
import { stableFraction } from './digest.ts';

/** Kept with the certificate that it is of: the window of another one must never cause a renewal. */
export interface RenewalWindow {
  /** `CertificateFacts.certId` of the certificate. */
  readonly certId: string;
  /** RFC 3339. */
  readonly start: string;
  /** RFC 3339. */
  readonly end: string;
  /** Page of the CA that says why, where it gave one. */
  readonly explanationUrl?: string;
}

/** The window, if it is of this certificate and can be obeyed: a stale or malformed one counts as none. */
export function applicableWindow(
  window: RenewalWindow | undefined,
  certificate: Pick<CertificateFacts, 'certId'>,
): RenewalWindow | undefined {
  if (window === undefined || certificate.certId === undefined || window.certId !== certificate.certId) return;
  return boundsOf(window) === undefined ? undefined : window;
}

/**
 * The instant at which a certificate is renewed that has this window: uniform over it for a fleet, the same every time for a
 * certificate, and `now` once that instant has passed (RFC 9773 §4.2, the recommended algorithm).
 * @param now epoch milliseconds.
 * @returns epoch milliseconds, never before `now`; undefined for a window that does not end after it starts (RFC 9773 §4.2:
 * to be treated as if there were none).
 */
export function selectTimeInWindow(window: RenewalWindow, now: number): number | undefined {
  const bounds = boundsOf(window);
  if (bounds === undefined) return;
  const chosen = bounds.start + stableFraction(window.certId) * (bounds.end - bounds.start);
  // Whole seconds, since people read it, and none before the window.
  return Math.max(now, Math.ceil(chosen / 1000) * 1000);
}

function boundsOf(window: RenewalWindow): { readonly start: number; readonly end: number } | undefined {
  const start = Date.parse(window.start);
  const end = Date.parse(window.end);
  // Not a number compares false: an instant that cannot be read makes the window malformed too.
  return start < end ? { start, end } : undefined;
}
