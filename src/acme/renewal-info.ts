import { z } from 'zod';
import type { RenewalWindow } from '../certificates/renewal-window.ts';
import { CertmanError } from '../failures/failure.ts';
import type { AcmeClient } from './client.ts';
import { AcmeProblemError } from './problems.ts';
import { acmeUrlSchema } from './url.ts';

const HOUR_MS = 3_600_000;
/** Bounds for Retry-After (RFC 9773 §4.3.2). */
const MIN_RETRY_AFTER_MS = HOUR_MS / 60;
const MAX_RETRY_AFTER_MS = 24 * HOUR_MS;

/** Poll interval after an answer without Retry-After, or a failure (RFC 9773 §4.3.3). */
export const DEFAULT_ARI_POLL_INTERVAL_MS = 6 * HOUR_MS;

/** RFC 3339, with any fraction of a second. */
const instant = z.iso.datetime({ offset: true }).max(64);

/** RFC 9773 §4.2. */
const renewalInfoSchema = z.object({
  suggestedWindow: z.object({ start: instant, end: instant }),
  // For people only: the window counts without a malformed one.
  explanationURL: acmeUrlSchema.optional().catch(undefined),
});

/** The CA's answer about the renewal of one certificate (RFC 9773 §4). */
export type RenewalInfo =
  | {
      readonly kind: 'window';
      readonly window: RenewalWindow;
      /** From the CA's Retry-After, between a minute and a day. */
      readonly nextPoll: Date;
    }
  /** The CA did not issue a certificate of this identifier. */
  | { readonly kind: 'unknownCertificate'; readonly message: string; readonly nextPoll: Date }
  | { readonly kind: 'notOffered' };

/**
 * Fetches the renewal window that the CA suggests (RFC 9773 §4). @param certId `CertificateFacts.certId`.
 * @throws CertmanError `acme/unreachable`, `acme/rateLimited`, `acme/serverError`, `acme/unexpected` if unusable.
 */
export async function fetchRenewalInfo(ca: AcmeClient, certId: string, now = new Date()): Promise<RenewalInfo> {
  const { renewalInfo } = await ca.directory();
  if (renewalInfo === undefined) return { kind: 'notOffered' };
  const url = `${renewalInfo.replace(/\/$/, '')}/${encodeURIComponent(certId)}`;
  try {
    const { body, retryAfter } = await ca.get({ resource: 'renewalInfo', url, schema: renewalInfoSchema });
    return { kind: 'window', window: toWindow(body, ca, certId), nextPoll: nextPollTime(retryAfter, now) };
  } catch (error) {
    if (!(error instanceof AcmeProblemError) || !isUnknownCertificate(error)) throw error;
    return { kind: 'unknownCertificate', message: error.message, nextPoll: nextPollTime(undefined, now) };
  }
}

/** 404 for a certificate that the CA did not issue, malformed for another issuer's key (Boulder, Pebble). */
function isUnknownCertificate(error: AcmeProblemError): boolean {
  return error.status === 404 || error.type === 'malformed';
}

function toWindow(body: z.infer<typeof renewalInfoSchema>, ca: AcmeClient, certId: string): RenewalWindow {
  const { start, end } = body.suggestedWindow;
  const [startMs, endMs] = [Date.parse(start), Date.parse(end)];
  if (!(startMs < endMs)) {
    const message = `The CA ${ca.host} suggests to renew the certificate ${certId} between ${start} and ${end}: the window does not end after it starts.`;
    throw new CertmanError({ code: 'acme/unexpected', message });
  }
  return {
    certId,
    start: toRfc3339Seconds(startMs),
    end: toRfc3339Seconds(endMs + 999),
    explanationUrl: body.explanationURL,
  };
}

function nextPollTime(retryAfter: Date | undefined, now: Date): Date {
  const wait = retryAfter === undefined ? DEFAULT_ARI_POLL_INTERVAL_MS : retryAfter.getTime() - now.getTime();
  return new Date(now.getTime() + Math.min(Math.max(wait, MIN_RETRY_AFTER_MS), MAX_RETRY_AFTER_MS));
}

function toRfc3339Seconds(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/\.\d{3}Z$/, 'Z');
}
