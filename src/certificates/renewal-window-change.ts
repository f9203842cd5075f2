/** Whether a certificate's workflow has to hear of the window that the CA suggests for it. Pure. */
import { type RenewalWindow, selectTimeInWindow } from './renewal-window.ts';

/** What the workflow goes by so far, as the status of its CertificateRequest tells. */
export interface KnownRenewal {
  readonly suggestedWindow?: RenewalWindow;
  /** RFC 3339. */
  readonly renewalTime?: string;
}

/**
 * A window is news when it changes when the certificate is renewed. One that the workflow was never told of and that lies
 * behind the renewal it has planned does not; neither does one that has passed, moved to another instant that has.
 * @param now epoch milliseconds.
 */
export function changesRenewalTime(window: RenewalWindow, known: KnownRenewal, now: number): boolean {
  const suggested = selectTimeInWindow(window, now);
  if (suggested === undefined) return false;
  const told = known.suggestedWindow;
  if (told?.certId === window.certId) {
    return selectTimeInWindow(told, now) !== suggested || told.explanationUrl !== window.explanationUrl;
  }
  return known.renewalTime !== undefined && suggested < Date.parse(known.renewalTime);
}
