import { z } from 'zod';
import type { RenewalWindow } from '../certificates/renewal-window.ts';
import { CertmanError } from '../failures/failure.ts';
import type { AcmeClient, AcmeResponse } from './client.ts';
import { AcmeProblemError } from './problems.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** RFC 9773 §4.3.2: what is believed of Retry-After. */
const MIN_RETRY_AFTER_MS = MINUTE_MS;
const MAX_RETRY_AFTER_MS = 24 * HOUR_MS;

/** RFC 9773 §4.3.3: when to ask again after an answer that does not say it, or that is none. */
export const DEFAULT_ARI_POLL_INTERVAL_MS = 6 * HOUR_MS;

/** RFC 3339, with whatever fraction of a second the CA likes. */
const instant = z.iso.datetime({ offset: true }).max(64);

/** RFC 9773 §4.2. */
const renewalInfoSchema = z.object({
  suggestedWindow: z.object({ start: instant, end: instant }),
  // For people only: an odd one is left out, the window counts all the same.
  explanationURL: z
    .url({ protocol: /^https?$/ })
    .max(2048)
    .optional()
    .catch(undefined),
});

export type RenewalInfo =
  | {
      readonly kind: 'window';
      readonly window: RenewalWindow;
      /** When the CA is to be asked again: its Retry-After, between a minute and a day. */
      readonly nextPoll: Date;
    }
  /** The CA does not know the certificate, or not by this identifier: it is another CA's. */
  | { readonly kind: 'unknownCertificate'; readonly message: string; readonly nextLook: Date }
  /** The CA has no renewal information at all. */
  | { readonly kind: 'notOffered' };

/**
 * Asks the CA when it suggests that a certificate be renewed (RFC 9773 §4). One unsigned request.
 * @param certId `CertificateFacts.certId`.
 * @throws CertmanError `acme/unreachable`, `acme/rateLimited`, `acme/serverError`, or `acme/unexpected` for an answer that
 * means nothing, a window that ends before it begins included.
 */
export async function fetchRenewalInfo(
  ca: AcmeClient,
  certId: string,
  signal?: AbortSignal,
  now: Date = new Date(),
): Promise<RenewalInfo> {
  const { renewalInfo } = await ca.directory();
  if (renewalInfo === undefined) return { kind: 'notOffered' };
  const url = `${renewalInfo.replace(/\/$/, '')}/${encodeURIComponent(certId)}`;
  try {
    const answer = await ca.get({ resource: 'renewalInfo', url, schema: renewalInfoSchema, signal });
    return { kind: 'window', window: parseWindow(answer, ca, certId), nextPoll: nextPollTime(answer.retryAfter, now) };
  } catch (error) {
    if (!(error instanceof AcmeProblemError) || !isUnknownCertificate(error)) throw error;
    return { kind: 'unknownCertificate', message: error.message, nextLook: nextPollTime(undefined, now) };
  }
}

/** 404 for a certificate that it did not issue, malformed for the key of another issuer (Boulder, Pebble). */
function isUnknownCertificate(error: AcmeProblemError): boolean {
  return error.status === 404 || error.type === 'malformed';
}

function parseWindow(
  answer: AcmeResponse<z.infer<typeof renewalInfoSchema>>,
  ca: AcmeClient,
  certId: string,
): RenewalWindow {
  const { suggestedWindow, explanationURL } = answer.body;
  const [start, end] = [Date.parse(suggestedWindow.start), Date.parse(suggestedWindow.end)];
  if (!(start < end)) {
    throw new CertmanError({
      code: 'acme/unexpected',
      message: `The CA ${ca.host} suggests to renew the certificate ${certId} between ${suggestedWindow.start} and ${suggestedWindow.end}, which is no window of time.`,
    });
  }
  return {
    certId,
    start: toRfc3339Seconds(Math.floor(start / 1000)),
    end: toRfc3339Seconds(Math.ceil(end / 1000)),
    ...(explanationURL === undefined ? {} : { explanationUrl: explanationURL }),
  };
}

function nextPollTime(retryAfter: Date | undefined, now: Date): Date {
  const wait = retryAfter === undefined ? DEFAULT_ARI_POLL_INTERVAL_MS : retryAfter.getTime() - now.getTime();
  return new Date(now.getTime() + Math.min(Math.max(wait, MIN_RETRY_AFTER_MS), MAX_RETRY_AFTER_MS));
}

function toRfc3339Seconds(epochSeconds: number): string {
  return new Date(epochSeconds * 1000).toISOString().replace('.000Z', 'Z');
}
