import { stableFraction } from './digest.ts';

/** The CA's suggested window (ARI, RFC 9773 §4.2) for the certificate of `certId`, never for another. RFC 3339. */
export interface RenewalWindow {
  readonly certId: string;
  readonly start: string;
  readonly end: string;
  /** Page of the CA that explains the window. */
  readonly explanationUrl?: string | undefined;
}

/**
 * Selects the renewal time by RFC 9773 §4.2: uniform over certificates, constant for each, `now` once it has passed.
 * @returns epoch milliseconds, >= `now`; undefined for a window that does not end after it starts.
 */
export function selectTimeInWindow({ certId, start, end }: RenewalWindow, now: number): number | undefined {
  const first = Date.parse(start);
  const length = Date.parse(end) - first;
  // False for NaN: a window with a malformed instant is malformed.
  if (!(length > 0)) return undefined;
  // Rounded up, so as not to lie before the window.
  return Math.max(now, Math.ceil((first + stableFraction(certId) * length) / 1000) * 1000);
}

/** The renewal that a workflow has planned (RFC 3339), from the status of its CertificateRequest. */
export interface KnownRenewal {
  readonly suggestedWindow?: RenewalWindow | undefined;
  readonly renewalTime?: string | undefined;
  /** The window determines it, whenever it is (policy `ari`). */
  readonly followsWindow?: boolean;
}

/**
 * Whether a window moves the planned renewal, has a new explanation, or is the first one for a renewal that follows it.
 * @param now epoch milliseconds.
 */
export function changesRenewalTime(window: RenewalWindow, known: KnownRenewal, now: number): boolean {
  const selected = selectTimeInWindow(window, now);
  if (selected === undefined) return false;
  const { suggestedWindow, renewalTime } = known;
  if (suggestedWindow?.certId === window.certId) {
    return (
      selectTimeInWindow(suggestedWindow, now) !== selected || suggestedWindow.explanationUrl !== window.explanationUrl
    );
  }
  return renewalTime !== undefined && (known.followsWindow === true || selected < Date.parse(renewalTime));
}
