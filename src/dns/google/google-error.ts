/** Errors of Cloud DNS: https://cloud.google.com/dns/docs/reference/rest/v1 and "Errors" of Google's JSON APIs. */
import { z } from 'zod';
import { errorCodeOf } from '../../failures/error-code.ts';
import { CertmanError, type FailureCode } from '../../failures/failure.ts';
import { oneLine } from '../../failures/printable.ts';
import { parseRetryAfter } from '../../failures/retry-after.ts';
import { ChangeRefusedError } from '../zone-changes/change-refused.ts';

const REMEDIES: Readonly<Partial<Record<FailureCode, string>>> = {
  'dns/accessDenied':
    'Give this service account the permissions of deploy/examples/google-iam/managed-zone.yaml in its project, or replace its key; issuance then continues.',
  'dns/throttled': 'It is retried in some seconds.',
  'dns/unreachable': 'It is retried until Google answers.',
  'dns/zoneNotFound': 'Create the managed zone, or correct the base domain of the ClusterDeployment.',
};

const THROTTLE_BACKOFF_MS = 2_000;
const MAX_RETRY_AFTER_MS = 10 * 60_000;
const MAX_MESSAGE_LENGTH = 300;
const MAX_DETAILS_LENGTH = 1 << 20;

/** Reasons of a 403 that are about the rate of requests. */
const THROTTLING = /^(rateLimitExceeded|userRateLimitExceeded|dailyLimitExceeded|RATE_LIMIT_EXCEEDED)$/;

const bodySchema = z.object({
  error: z.object({
    message: z.string().catch(''),
    errors: z.array(z.object({ reason: z.string().max(100).catch('') })).catch([]),
    details: z.array(z.object({ reason: z.string().max(100).optional().catch(undefined) })).catch([]),
  }),
});

/** An answer that is no success. */
export interface GoogleRefusal {
  readonly status: number;
  readonly body: string;
  readonly retryAfter: string | undefined;
}

/**
 * Types a refusal. @param doing what was being done, as in "Google did not …".
 * @param nameOf the name of the record set at an index of a change, which Google names by the index alone.
 */
export function fromGoogleRefusal(
  doing: string,
  { status, body, retryAfter }: GoogleRefusal,
  nameOf: (part: 'additions' | 'deletions', index: number) => string = () => '',
): CertmanError {
  const { message = '', errors = [], details = [] } = parseBody(body) ?? {};
  const reasons = [...errors, ...details].flatMap(({ reason }) => reason ?? []);
  const said = `HTTP ${status}${reasons[0] ? ` ${reasons[0]}` : ''}: ${oneLine(message, MAX_MESSAGE_LENGTH) || 'no reason given'}`;
  // A deletion that finds nothing is a 404 too. Names are added for those who tell records of a refused change apart.
  if (/\bentity\.change\b/.test(message) || status === 409 || status === 412 || status === 413) {
    const indexes = message.matchAll(/\b(additions|deletions)\[(\d{1,4})\]/g);
    const names = [...indexes].map(([, part, index]) => nameOf(part as 'additions', Number(index)));
    const whole = [message, ...names].join('\n').slice(0, MAX_DETAILS_LENGTH);
    return new ChangeRefusedError(`Google refused to ${doing}: ${ended(said)}`, whole, undefined);
  }
  const code = codeOf(status, reasons, message);
  const isThrottled = code === 'dns/throttled';
  const backOff = new Date(Date.now() + THROTTLE_BACKOFF_MS);
  return new CertmanError({
    code,
    message: `Google did not ${doing}: ${ended(said)}`,
    remedy: REMEDIES[code],
    notBefore: isThrottled ? (parseRetryAfter(retryAfter, new Date(), MAX_RETRY_AFTER_MS) ?? backOff) : undefined,
  });
}

/** A request that was not answered. The error's message may have the request in it; its code has not. */
export function unreachable(doing: string, error: unknown): CertmanError {
  const why = errorCodeOf(error) ?? (error instanceof Error ? error.name : 'unknown');
  return new CertmanError({
    code: 'dns/unreachable',
    message: `Google could not be asked to ${doing}: ${oneLine(why, 100)}.`,
    remedy: REMEDIES['dns/unreachable'],
  });
}

function codeOf(status: number, reasons: readonly string[], message: string): FailureCode {
  if (status === 429 || reasons.some((reason) => THROTTLING.test(reason))) return 'dns/throttled';
  // A quota of requests and one of zones and records have the same reason.
  if (reasons.includes('quotaExceeded'))
    return /per minute|per user|queries/i.test(message) ? 'dns/throttled' : 'dns/changeRefused';
  if (status === 401 || status === 403) return 'dns/accessDenied';
  if (status === 404) return 'dns/zoneNotFound';
  return status >= 500 || status === 408 ? 'dns/unreachable' : 'dns/unexpected';
}

function parseBody(body: string): z.infer<typeof bodySchema>['error'] | undefined {
  try {
    return bodySchema.safeParse(JSON.parse(body)).data?.error;
  } catch {
    return undefined;
  }
}

function ended(sentence: string): string {
  return /[.!?…]$/.test(sentence) ? sentence : `${sentence}.`;
}
