import { z } from 'zod';
import { CertmanError, type FailureCode } from '../../failures/failure.ts';

const MAX_MESSAGE_LENGTH = 1_000;
/** A longer Retry-After is taken as a mistake: the API server asks for seconds. */
const MAX_RETRY_AFTER_MS = 10 * 60_000;

const CODES: Readonly<Record<number, FailureCode>> = {
  400: 'kubernetes/invalid',
  401: 'kubernetes/forbidden',
  403: 'kubernetes/forbidden',
  404: 'kubernetes/notFound',
  408: 'kubernetes/unreachable',
  409: 'kubernetes/conflict',
  410: 'kubernetes/gone',
  413: 'kubernetes/invalid',
  422: 'kubernetes/invalid',
  429: 'kubernetes/unreachable',
};

const REMEDIES: Readonly<Partial<Record<FailureCode, string>>> = {
  'kubernetes/forbidden':
    'Compare the rights of certman’s ServiceAccount with deploy/base/rbac.yaml, and check that its token is valid.',
  'kubernetes/notFound': 'If the API server does not know this kind of resource, install its CRD (deploy/base).',
  'kubernetes/invalid': 'Correct the object that the message names; certman retries when something changes.',
  'kubernetes/unexpected': 'Check what stands between certman and the API server; certman retries by its schedule.',
};

const optionalText = z.string().optional().catch(undefined);

/** `meta/v1 Status`: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ */
const statusSchema = z.looseObject({
  kind: z.literal('Status'),
  message: z.string().catch(''),
  reason: optionalText,
  details: z
    .looseObject({
      causes: z
        .array(z.looseObject({ reason: optionalText, field: optionalText }))
        .optional()
        .catch(undefined),
      retryAfterSeconds: z.number().optional().catch(undefined),
    })
    .optional()
    .catch(undefined),
});

type Status = z.infer<typeof statusSchema>;

/** A response of the API server, its body read. */
export interface ApiResponse {
  readonly status: number;
  readonly retryAfter?: string;
  readonly text: string;
}

/** The API server refused. @param what the action in words: `apply CertificateRequest ns/name`. */
export function apiError(what: string, response: ApiResponse, now = Date.now()): CertmanError {
  const status = parseStatus(response.text);
  const code = codeOf(response.status, status);
  const reason = status?.reason === undefined ? '' : ` ${status.reason}`;
  const message = redact(status?.message || firstLine(response.text));
  return new CertmanError({
    code,
    message: `The Kubernetes API refused to ${what} (${response.status}${reason}): ${message}`,
    remedy: remedyOf(code),
    notBefore: code === 'kubernetes/unreachable' ? retryAfterOf(response, status, now) : undefined,
  });
}

/** There was no response: connection refused or lost, time-out, response too large. */
export function unreachableError(origin: string, cause: unknown): CertmanError {
  const why = cause instanceof Error ? describeCause(cause) : 'unknown reason';
  return new CertmanError({
    code: 'kubernetes/unreachable',
    message: `The Kubernetes API at ${origin} did not answer: ${why}.`,
    remedy: remedyOf('kubernetes/unreachable'),
    cause,
  });
}

/** A response that is no API object, whatever its status: a proxy's page, a cut body. */
export function malformedResponseError(what: string, why: string): CertmanError {
  return new CertmanError({
    code: 'kubernetes/unexpected',
    message: `The Kubernetes API answered the request to ${what} with ${why}.`,
    remedy: remedyOf('kubernetes/unexpected'),
  });
}

/** @throws CertmanError `kubernetes/unexpected`; the parser's message is dropped, as it may quote a Secret. */
export function parseJson(what: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw malformedResponseError(what, `${text.length} characters that are not JSON`);
  }
}

/** The `Status` in a body; undefined when it is none, such as a proxy's page. */
export function parseStatus(text: string): Status | undefined {
  try {
    return statusSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function codeOf(httpStatus: number, status: Status | undefined): FailureCode {
  if (httpStatus === 422 && isFailedPrecondition(status)) return 'kubernetes/conflict';
  // Nothing can be created in a namespace that is being deleted, and nothing there is needed any more.
  const causes = status?.details?.causes ?? [];
  if (httpStatus === 403 && causes.some(({ reason }) => reason === 'NamespaceTerminating'))
    return 'kubernetes/notFound';
  return CODES[httpStatus] ?? (httpStatus >= 500 ? 'kubernetes/unreachable' : 'kubernetes/unexpected');
}

/**
 * A write for another uid or a failed JSON patch `test`: 422 as for an invalid object, but without an invalid field.
 * Source: k8s.io/apiserver pkg/endpoints/handlers/patch.go (applyJSPatch).
 */
function isFailedPrecondition(status: Status | undefined): boolean {
  const causes = status?.details?.causes ?? [];
  return (
    causes.some(({ field }) => field === 'metadata.uid') ||
    (causes.length === 0 && status?.message.startsWith('the server rejected our request') === true)
  );
}

function remedyOf(code: FailureCode): string {
  return REMEDIES[code] ?? 'certman retries shortly.';
}

/** RFC 9110 §10.2.3: seconds or an HTTP date; the API server repeats it in the Status. */
function retryAfterOf({ retryAfter }: ApiResponse, status: Status | undefined, now: number): Date | undefined {
  const text = retryAfter?.trim() ?? '';
  const seconds = /^\d+$/.test(text) ? Number(text) : status?.details?.retryAfterSeconds;
  const at = seconds === undefined ? Date.parse(text) : now + seconds * 1_000;
  return at > now ? new Date(Math.min(at, now + MAX_RETRY_AFTER_MS)) : undefined;
}

function describeCause(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const text = error.message || error.name;
  return redact(text.includes(code) ? text : `${text} (${code})`);
}

function firstLine(text: string): string {
  return text.trim().split('\n', 1)[0] || 'no reason given';
}

/** Removes what could be key material: an admission plugin may quote a field's value. */
function redact(text: string): string {
  return text.replaceAll(/[A-Za-z0-9+/_=-]{80,}/g, '[…]').slice(0, MAX_MESSAGE_LENGTH);
}
