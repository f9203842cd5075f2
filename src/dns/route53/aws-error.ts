/** Names of errors: "Common Errors" and the errors of each action in the API references of Route 53 and STS. */
import { errorCodeOf } from '../../failures/error-code.ts';
import { CertmanError, type FailureCode } from '../../failures/failure.ts';
import { oneLine } from '../../failures/printable.ts';
import { ChangeRefusedError } from '../zone-changes/change-refused.ts';

/** By the name of AWS's error without its suffix `Exception`; the last two by Node's or the SDK's code too. */
const ERROR_NAMES: Readonly<Partial<Record<FailureCode, RegExp>>> = {
  'dns/accessDenied':
    /^(AccessDenied|AuthFailure|ExpiredToken|IncompleteSignature|InvalidAccessKeyId|InvalidClientTokenId|InvalidSignature|MissingAuthenticationToken|NotAuthorized|OptInRequired|RequestExpired|SignatureDoesNotMatch|UnauthorizedAccess|UnrecognizedClient)$/,
  'dns/throttled':
    /^(Throttling|Throttled|RequestLimitExceeded|RequestThrottled|TooManyRequests|SlowDown|PriorRequestNotComplete)$/,
  'dns/changeRefused': /^(InvalidChangeBatch|InvalidInput|ValidationError)$/,
  'dns/zoneNotFound': /^NoSuchHostedZone$/,
  'dns/credentialsMissing': /^CredentialsProviderError$/,
  'dns/unreachable':
    /^(ECONNREFUSED|ECONNRESET|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EPIPE|ETIMEDOUT|NetworkingError|RequestTimeout|TimeoutError)$/,
};

const NAMED_CODES = Object.keys(ERROR_NAMES) as readonly FailureCode[];

const REMEDIES: Readonly<Partial<Record<FailureCode, string>>> = {
  'dns/accessDenied':
    'Give these credentials route53:ListHostedZones, GetHostedZone, ListResourceRecordSets, ChangeResourceRecordSets and GetChange, or replace them; issuance then continues.',
  'dns/credentialsMissing':
    'Name a Secret with credentials in the ClusterDeployment, or give the worker a role of its own.',
  'dns/throttled': 'It is retried in some seconds.',
  'dns/unreachable': 'It is retried until AWS answers.',
  'dns/zoneNotFound': 'Create the hosted zone, or correct the base domain of the ClusterDeployment.',
};

const THROTTLE_BACKOFF_MS = 2_000;

const MAX_MESSAGE_LENGTH = 300;

/** An error of the SDK or of Node; `messages` are those of InvalidChangeBatch. */
type AwsError = Error & {
  readonly messages?: readonly string[];
  readonly $metadata?: { readonly httpStatusCode?: number };
};

/** Types a failure of AWS. @param doing what was being done, as in "AWS did not …". */
export function fromAwsError(doing: string, thrown: unknown): CertmanError {
  if (thrown instanceof CertmanError) return thrown;
  const error: AwsError = thrown instanceof Error ? thrown : new Error(typeof thrown);
  const { message, messages = [] } = error;
  const errorCode = errorCodeOf(error);
  const name = error.name === 'Error' && errorCode !== undefined ? errorCode : error.name;
  const said = sanitizedMessage(name, message);
  const cause = sanitizedCause(error, said);
  const code = failureCodeOf([name, errorCode ?? ''], error.$metadata?.httpStatusCode);
  if (code === 'dns/changeRefused') {
    const details = [...messages, message].join('\n').slice(0, 1 << 20);
    const first = sanitizedMessage(name, messages[0] ?? message);
    return new ChangeRefusedError(`AWS refused to ${doing}: ${first}`, details, cause);
  }
  return new CertmanError({
    code,
    message: `${code === 'dns/unreachable' ? 'AWS could not be asked to' : 'AWS did not'} ${doing}: ${said}`,
    remedy: REMEDIES[code],
    notBefore: code === 'dns/throttled' ? new Date(Date.now() + THROTTLE_BACKOFF_MS) : undefined,
    cause,
  });
}

/** Whether Route 53 throttles one zone, which has a change under way, and not the account. */
export function isBusyZone({ cause }: CertmanError): boolean {
  return cause instanceof Error && cause.name.replace(/Exception$/, '') === 'PriorRequestNotComplete';
}

/** What of an error may be logged: its sanitized message and its stack, without the fields of requests and answers. */
function sanitizedCause({ name, message, stack = '' }: Error, said: string): Error {
  const words = stack.lastIndexOf(message);
  const copy = new Error(said);
  copy.name = name;
  copy.stack = words === -1 ? said : `${said}${stack.slice(words + message.length)}`;
  return copy;
}

function failureCodeOf(names: readonly string[], status: number | undefined): FailureCode {
  for (const name of names) {
    const known = NAMED_CODES.find((code) => ERROR_NAMES[code]?.test(name.replace(/Exception$/, '')));
    if (known !== undefined) return known;
  }
  if (status === 429) return 'dns/throttled';
  if (status === 401 || status === 403) return 'dns/accessDenied';
  return status !== undefined && status >= 500 ? 'dns/unreachable' : 'dns/unexpected';
}

/** Without secrets: AWS quotes a refused signature's canonical request (session token), and a refused key's id. */
function sanitizedMessage(name: string, message: string): string {
  const cut = message.replace(/\s*The Canonical String[\s\S]*$/i, '').replaceAll(/\s+/g, ' ');
  const clean = cut
    .replaceAll(/\b(?:A3T[A-Z0-9]|AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}\b/g, '(key id)')
    .replaceAll(/(Credential=)[^/,\s]+/gi, '$1(key id)')
    .replaceAll(/[A-Za-z0-9+/=]{100,}/g, '(token)')
    .trim();
  const short = oneLine(clean, MAX_MESSAGE_LENGTH);
  return short === '' || short === name ? `${name}.` : `${name}: ${short}${/[.!?…]$/.test(short) ? '' : '.'}`;
}
