/** The second line of defence, against callers and third-party errors; the first is not to log secrets. */

const REDACTED = '[removed]';

/** Names of fields whose values are never logged. Names of Secrets (`secretName`) are not secret. */
const SECRET_FIELD =
  /^(private[-_]?key|tls\.key|account[-_]?key|key[-_]?pem|key[-_]?authorization|token|task[-_]?token|password|passwd|authorization|cookie|set-cookie|api[-_]?key|(aws[-_]?)?secret[-_]?access[-_]?key|(aws[-_]?)?access[-_]?key[-_]?id|(aws[-_]?)?session[-_]?token|sts[-_]?external[-_]?id|access[-_]?token|assertion|client[-_]?secret|credentials)$/i;

/** Deeper than any record of certman's; values below it are not logged. */
const MAX_DEPTH = 6;

/** A copy of a record without the values of secret fields. Errors become plain objects with their causes. */
export function redactFields(value: unknown, depth = 0): unknown {
  if (value instanceof Error) return redactFields(errorRecord(value, depth), depth);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Date) return value.toISOString();
  if (depth >= MAX_DEPTH || ArrayBuffer.isView(value)) return REDACTED;
  if (Array.isArray(value)) return value.map((item) => redactFields(item, depth + 1));
  const copy: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(value)) {
    copy[name] = SECRET_FIELD.test(name) ? REDACTED : redactFields(field, depth + 1);
  }
  return copy;
}

/** Name, message, stack and cause: other fields of third-party errors can be requests with their headers. */
function errorRecord(error: Error, depth: number): Record<string, unknown> {
  return {
    type: error.name,
    message: error.message,
    stack: error.stack,
    code: 'code' in error && typeof error.code === 'string' ? error.code : undefined,
    cause: error.cause instanceof Error && depth < MAX_DEPTH ? errorRecord(error.cause, depth + 1) : undefined,
  };
}

/** PEM, plain or JSON-escaped, complete or truncated. */
const PEM_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|(?=")|$)/g;
// No word boundary before these patterns: in JSON a line end is `\n`, whose `n` precedes the next line's first word.
const BEARER = /Bearer +[\w.~+/-]{4,}=*/gi;
/** Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids */
const AWS_KEY_ID = /(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z0-9]{12,}/g;
/** As errors quote it: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html */
const AWS_SESSION_TOKEN = /(x-amz-security-token["\\]*\s*[:=]\s*["\\]*)[\w+/=%.-]{16,}/gi;
/** A JSON Web Token (RFC 7519) such as a ServiceAccount's: its header and its claims are JSON objects. */
const JWT = /eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}/g;
/** A private JSON Web Key (RFC 7517, RFC 7518 §6): its members d, p, q, dp, dq, qi. */
const JWK_MEMBER = /(\\?"(?:d|p|q|dp|dq|qi)\\?"\s*:\s*\\?")[\w-]{20,}/g;

/** Removes everything with the form of a secret from a line of the log. */
export function redactText(line: string): string {
  return line
    .replace(PEM_KEY, REDACTED)
    .replace(JWT, REDACTED)
    .replace(BEARER, `Bearer ${REDACTED}`)
    .replace(AWS_KEY_ID, REDACTED)
    .replace(AWS_SESSION_TOKEN, `$1${REDACTED}`)
    .replace(JWK_MEMBER, `$1${REDACTED}`);
}
