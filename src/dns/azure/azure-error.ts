/** Errors of Azure DNS (REST API 2018-05-01, `CloudError`), Azure Resource Manager and Microsoft Entra, as the SDK has them. */
import { isRestError } from '@azure/core-rest-pipeline';
import { CertmanError, type FailureCode } from '../../failures/failure.ts';
import { oneLine } from '../../failures/printable.ts';
import { parseRetryAfter } from '../../failures/retry-after.ts';
import { ChangeRefusedError } from '../zone-changes/change-refused.ts';

const REMEDIES: Readonly<Partial<Record<FailureCode, string>>> = {
  'dns/accessDenied':
    'Give this service principal the role of deploy/examples/azure-iam/dns-zone.json, or replace its secret; issuance then continues.',
  'dns/throttled': 'It is retried in some seconds.',
  'dns/unreachable': 'It is retried until Azure answers.',
  'dns/zoneNotFound':
    'Create the DNS zone, or correct the base domain or baseDomainResourceGroupName of the ClusterDeployment.',
};

const THROTTLE_BACKOFF_MS = 2_000;
const TOKEN_BACKOFF_MS = 5_000;
const MAX_RETRY_AFTER_MS = 10 * 60_000;
const MAX_MESSAGE_LENGTH = 300;

/** The status of an answer of Azure Resource Manager; undefined for any other error. */
export function statusOf(error: unknown): number | undefined {
  return isRestError(error) ? error.statusCode : undefined;
}

/** Types a failure of Azure Resource Manager. @param doing what was being done, as in "Azure did not …". */
export function fromAzureError(doing: string, error: unknown): CertmanError {
  if (error instanceof CertmanError) return error;
  const status = statusOf(error);
  if (!isRestError(error) || status === undefined) return unreachable(doing, error);
  const { code: reason, message } = refusalOf(error.details, error.code);
  const words = oneLine(message, MAX_MESSAGE_LENGTH) || 'no reason given';
  const said = `HTTP ${status}${reason === '' ? '' : ` ${oneLine(reason, 80)}`}: ${ended(words)}`;
  const code = codeOf(status);
  if (code === 'dns/changeRefused') {
    return new ChangeRefusedError(`Azure refused to ${doing}: ${said}`, message, undefined);
  }
  const retryAfter = parseRetryAfter(error.response?.headers.get('retry-after'), new Date(), MAX_RETRY_AFTER_MS);
  return new CertmanError({
    code,
    message: `Azure did not ${doing}: ${said}`,
    remedy: REMEDIES[code],
    notBefore: code === 'dns/throttled' ? (retryAfter ?? new Date(Date.now() + THROTTLE_BACKOFF_MS)) : undefined,
  });
}

/** OAuth errors (RFC 6749 §5.2) and those that Microsoft adds which only another Secret or role puts right. */
const REFUSED =
  /^(access_denied|invalid_client|invalid_grant|invalid_request|invalid_scope|invalid_tenant|unauthorized_client)$/;

/** Types a failure of Microsoft Entra, as @azure/identity wraps MSAL's errors: the text has the reason (AADSTS codes). */
export function fromTokenError(doing: string, error: unknown): CertmanError {
  const cause = (error instanceof Error ? error.cause : undefined) as
    | { readonly errorCode?: unknown; readonly status?: unknown }
    | undefined;
  const reason = typeof cause?.errorCode === 'string' ? cause.errorCode : '';
  // Around the description are ids of the request.
  const [, words = ''] =
    /Description: ([^]*?)(?:\r?\n|\s+Trace ID:|\s+- Correlation ID:|$)/.exec(
      error instanceof Error ? error.message : '',
    ) ?? [];
  const said = ended(oneLine(words === '' ? reason : `${reason}: ${words}`, MAX_MESSAGE_LENGTH));
  if (cause?.status === 429) {
    return new CertmanError({
      code: 'dns/throttled',
      message: `Azure did not ${doing}: ${said}`,
      remedy: REMEDIES['dns/throttled'],
      notBefore: new Date(Date.now() + TOKEN_BACKOFF_MS),
    });
  }
  if (REFUSED.test(reason)) {
    return new CertmanError({
      code: 'dns/accessDenied',
      message: `Azure did not ${doing}: ${said}`,
      remedy:
        'Put a service principal that exists, and a secret of it that has not expired, into the Secret; issuance then continues.',
    });
  }
  return new CertmanError({
    code: 'dns/unreachable',
    message: `Azure could not be asked to ${doing}: ${said}`,
    remedy: 'It is retried until Azure answers. A tenantId that does not exist can be the reason.',
  });
}

function unreachable(doing: string, error: unknown): CertmanError {
  // Of a request that failed, the transport's message is a code of Node or undici.
  const why = isRestError(error) ? error.message : error instanceof Error ? error.name : 'unknown';
  return new CertmanError({
    code: 'dns/unreachable',
    message: `Azure could not be asked to ${doing}: ${ended(oneLine(why, 100))}`,
    remedy: REMEDIES['dns/unreachable'],
  });
}

function codeOf(status: number): FailureCode {
  // 409: another change of the zone is in progress.
  if (status === 429 || status === 409) return 'dns/throttled';
  if (status === 401 || status === 403) return 'dns/accessDenied';
  if (status === 404) return 'dns/zoneNotFound';
  if (status === 400) return 'dns/changeRefused';
  return status >= 500 || status === 408 ? 'dns/unreachable' : 'dns/unexpected';
}

function refusalOf(
  details: unknown,
  fallback: string | undefined,
): { readonly code: string; readonly message: string } {
  const field = (value: unknown, name: string): unknown =>
    typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  const body = field(details, 'error') ?? details;
  return { code: text(field(body, 'code')) || (fallback ?? ''), message: text(field(body, 'message')) };
}

function ended(sentence: string): string {
  return /[.!?…]$/.test(sentence) ? sentence : `${sentence}.`;
}
