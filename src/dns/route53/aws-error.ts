/**
 * What AWS answers and what goes wrong on the way to it, as typed failures.
 * Codes: Route 53 API reference, "Common Errors" and the errors of each action; STS API reference likewise.
 */
import { CertmanError, type FailureCode } from '../../failures/failure.ts';

const ACCESS_DENIED = new Set([
  'AccessDenied',
  'AccessDeniedException',
  'AuthFailure',
  'ExpiredToken',
  'ExpiredTokenException',
  'IncompleteSignature',
  'InvalidAccessKeyId',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'MissingAuthenticationToken',
  'MissingAuthenticationTokenException',
  'NotAuthorized',
  'NotAuthorizedException',
  'OptInRequired',
  'RequestExpired',
  'SignatureDoesNotMatch',
  'UnauthorizedAccess',
  'UnrecognizedClientException',
]);

const THROTTLED = new Set([
  'Throttling',
  'ThrottlingException',
  'ThrottledException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'TooManyRequestsException',
  'SlowDown',
  'PriorRequestNotComplete',
]);

const REJECTED = new Set(['InvalidChangeBatch', 'InvalidInput', 'ValidationError']);

/** Of Node's sockets and of the SDK's HTTP handler. */
const UNREACHABLE_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
  'NetworkingError',
  'RequestTimeout',
  'RequestTimeoutException',
  'TimeoutError',
]);

const REMEDIES: Readonly<Partial<Record<FailureCode, string>>> = {
  'dns/accessDenied':
    'Give these credentials route53:ListHostedZones, GetHostedZone, ListResourceRecordSets, ChangeResourceRecordSets and GetChange, or put right ones in; it then goes on by itself.',
  'dns/credentialsMissing':
    'Name a Secret with credentials in the ClusterDeployment, or give the worker a role of its own.',
  'dns/throttled': 'It is tried again in some seconds.',
  'dns/unreachable': 'It is tried again until it answers.',
  'dns/zoneNotFound': 'Create the hosted zone, or correct the base domain of the ClusterDeployment.',
};

/** How soon after "Throttling" another request has a chance. */
const THROTTLE_BACKOFF_MS = 2_000;

const MAX_MESSAGE_LENGTH = 300;

/** A refusal of a change batch, with all that AWS said: it names the records that it minds. */
export class ChangeRefusedError extends CertmanError {
  readonly details: string;

  constructor(message: string, details: string, cause: unknown) {
    super({
      code: 'dns/changeRefused',
      message,
      remedy:
        'Look at the records of that name in the hosted zone (a CNAME or a routing policy leaves no room for a TXT record); it is tried again by the retry schedule.',
      cause,
    });
    this.name = 'ChangeRefusedError';
    this.details = details;
  }
}

/** @param doing what was being done, as in "Route 53 did not …". */
export function fromAwsError(doing: string, error: unknown): CertmanError {
  if (error instanceof CertmanError) return error;
  const { name, code, message, messages, status } = readAwsError(error);
  const said = sanitizedMessage(name, message);
  if (REJECTED.has(name)) {
    const details = [...messages, message].join('\n').slice(0, 1 << 20);
    return new ChangeRefusedError(
      `AWS refused to ${doing}: ${sanitizedMessage(name, messages[0] ?? message)}`,
      details,
      sanitizedCause(error, said),
    );
  }
  const failure = failureCodeOf(name, code, status);
  const next = REMEDIES[failure];
  return new CertmanError({
    code: failure,
    message: `${failure === 'dns/unreachable' ? 'AWS could not be asked to' : 'AWS did not'} ${doing}: ${said}`,
    ...(next === undefined ? {} : { remedy: next }),
    ...(failure === 'dns/throttled' ? { notBefore: new Date(Date.now() + THROTTLE_BACKOFF_MS) } : {}),
    cause: sanitizedCause(error, said),
  });
}

/** What of an error may go into the log: its cleaned words and where it happened, without the fields of requests and answers. */
function sanitizedCause(error: unknown, said: string): unknown {
  if (!(error instanceof Error)) return undefined;
  const { stack = '', message } = error;
  const words = stack.lastIndexOf(message);
  const copy = new Error(said);
  copy.name = error.name;
  copy.stack = words === -1 ? said : `${said}${stack.slice(words + message.length)}`;
  return copy;
}

function failureCodeOf(name: string, code: string | undefined, status: number | undefined): FailureCode {
  if (ACCESS_DENIED.has(name)) return 'dns/accessDenied';
  if (THROTTLED.has(name) || status === 429) return 'dns/throttled';
  if (name === 'NoSuchHostedZone') return 'dns/zoneNotFound';
  if (name === 'CredentialsProviderError') return 'dns/credentialsMissing';
  if (UNREACHABLE_CODES.has(name) || (code !== undefined && UNREACHABLE_CODES.has(code))) return 'dns/unreachable';
  if (status === 401 || status === 403) return 'dns/accessDenied';
  if (status !== undefined && status >= 500) return 'dns/unreachable';
  return 'dns/unexpected';
}

interface AwsError {
  readonly name: string;
  readonly code: string | undefined;
  readonly message: string;
  readonly messages: readonly string[];
  readonly status: number | undefined;
}

function readAwsError(error: unknown): AwsError {
  if (!(error instanceof Error)) {
    return { name: typeof error, code: undefined, message: '', messages: [], status: undefined };
  }
  const fields = error as Error & { code?: unknown; messages?: unknown; $metadata?: { httpStatusCode?: unknown } };
  const status = fields.$metadata?.httpStatusCode;
  return {
    name: error.name === 'Error' && typeof fields.code === 'string' ? fields.code : error.name,
    code: typeof fields.code === 'string' ? fields.code : undefined,
    message: error.message,
    messages: Array.isArray(fields.messages) ? fields.messages.filter((text) => typeof text === 'string') : [],
    status: typeof status === 'number' ? status : undefined,
  };
}

/**
 * AWS's own sentence, short and without what must not be written down: a refused signature is explained with the whole
 * canonical request (session token included), a refused key with the key's id.
 */
function sanitizedMessage(name: string, message: string): string {
  const cut = message.replace(/\s*The Canonical String[\s\S]*$/i, '').replaceAll(/\s+/g, ' ');
  const clean = cut
    .replaceAll(/\b(?:A3T[A-Z0-9]|AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}\b/g, '(key id)')
    .replaceAll(/(Credential=)[^/,\s]+/gi, '$1(key id)')
    .replaceAll(/[A-Za-z0-9+/=]{100,}/g, '(token)')
    .trim();
  const short = clean.length > MAX_MESSAGE_LENGTH ? `${clean.slice(0, MAX_MESSAGE_LENGTH)}…` : clean;
  return short === '' || short === name ? `${name}.` : `${name}: ${short}${/[.!?…]$/.test(short) ? '' : '.'}`;
}
