/** What the API server answers when it refuses, as `CertmanError`. */
import { z } from 'zod';
import { CertmanError, type FailureCode } from '../../failures/failure.ts';

const MAX_MESSAGE_LENGTH = 1_000;
/** A Retry-After beyond this is taken as a mistake: the API server asks for seconds. */
const MAX_RETRY_AFTER_MS = 10 * 60_000;

const REMEDIES: Readonly<Partial<Record<FailureCode, string>>> = {
  'kubernetes/forbidden':
    'Compare the rights of certman’s ServiceAccount with deploy/base/rbac.yaml, and whether its token is still valid.',
  'kubernetes/notFound': 'If this kind of resource is unknown to the API server, install its CRD (deploy/base).',
  'kubernetes/invalid': 'Correct the object that the message names; it is looked at again when something changes.',
};

/** `meta/v1 Status`: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ */
const statusSchema = z.looseObject({
  kind: z.literal('Status'),
  message: z.string().catch(''),
  reason: z.string().optional().catch(undefined),
  details: z
    .looseObject({
      name: z.string().optional().catch(undefined),
      causes: z
        .array(
          z.looseObject({
            reason: z.string().optional().catch(undefined),
            field: z.string().optional().catch(undefined),
          }),
        )
        .optional()
        .catch(undefined),
      retryAfterSeconds: z.number().optional().catch(undefined),
    })
    .optional()
    .catch(undefined),
});

export interface ApiErrorResponse {
  readonly status: number;
  readonly retryAfter?: string;
  readonly text: string;
}

/** @param what the action in words: `apply CertificateRequest ns/name`. */
export function apiError(what: string, answer: ApiErrorResponse, now = Date.now()): CertmanError {
  const status = readStatus(answer.text);
  const said = status?.message === undefined || status.message === '' ? firstLine(answer.text) : status.message;
  const code = codeOf(answer.status, status);
  const notBefore = code === 'kubernetes/unreachable' ? retryAfterOf(answer, status, now) : undefined;
  return new CertmanError({
    code,
    message: `The Kubernetes API refused to ${what} (${answer.status}${status?.reason === undefined ? '' : ` ${status.reason}`}): ${redact(said)}`,
    remedy: remedyOf(code),
    ...(notBefore === undefined ? {} : { notBefore }),
  });
}

/** No answer: connection refused or lost, time-out, answer too large. */
export function unreachableError(origin: string, cause: unknown): CertmanError {
  const why = cause instanceof Error ? reasonOf(cause) : 'unknown reason';
  return new CertmanError({
    code: 'kubernetes/unreachable',
    message: `The Kubernetes API at ${origin} did not answer: ${why}.`,
    remedy: remedyOf('kubernetes/unreachable'),
    cause,
  });
}

/** An answer that is no API object, whatever its status says: a proxy's page, a cut body. */
export function malformedResponseError(what: string, why: string): CertmanError {
  return new CertmanError({
    code: 'kubernetes/unexpected',
    message: `The Kubernetes API answered the request to ${what} with something that is no API object: ${why}.`,
    remedy: 'Check what stands between certman and the API server; it is tried again by the retry schedule.',
  });
}

type Status = z.infer<typeof statusSchema>;

function readStatus(text: string): Status | undefined {
  try {
    const parsed = statusSchema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    // Not JSON (a proxy's error page): its first line is quoted instead.
    return undefined;
  }
}

function codeOf(httpStatus: number, status: Status | undefined): FailureCode {
  // Nothing can be made in a namespace that is going: what it was wanted for goes with it.
  if (
    httpStatus === 403 &&
    status?.details?.causes?.some((cause) => cause.reason === 'NamespaceTerminating') === true
  ) {
    return 'kubernetes/notFound';
  }
  if (httpStatus === 401 || httpStatus === 403) return 'kubernetes/forbidden';
  if (httpStatus === 404) return 'kubernetes/notFound';
  if (httpStatus === 410) return 'kubernetes/gone';
  if (httpStatus === 409) return 'kubernetes/conflict';
  if (httpStatus === 422) {
    return isFailedTest(status) || isUidMismatch(status) ? 'kubernetes/conflict' : 'kubernetes/invalid';
  }
  if (httpStatus === 400 || httpStatus === 413) return 'kubernetes/invalid';
  if (httpStatus === 408 || httpStatus === 429 || httpStatus >= 500) return 'kubernetes/unreachable';
  return 'kubernetes/unexpected';
}

/**
 * A JSON patch whose `test` does not hold: the API server says 422 for it as for an invalid object, but names no field.
 * Source: k8s.io/apiserver pkg/endpoints/handlers/patch.go (applyJSPatch).
 */
function isFailedTest(status: Status | undefined): boolean {
  const causes = status?.details?.causes ?? [];
  return causes.length === 0 && status?.message.startsWith('the server rejected our request') === true;
}

/** A write that names the uid it is meant for, and there is another object of that name now. */
function isUidMismatch(status: Status | undefined): boolean {
  return status?.details?.causes?.some((cause) => cause.field === 'metadata.uid') === true;
}

function remedyOf(code: FailureCode): string {
  return REMEDIES[code] ?? 'It is tried again shortly.';
}

/** RFC 9110 §10.2.3: seconds or an HTTP date; the API server also says it in the Status. */
function retryAfterOf(answer: ApiErrorResponse, status: Status | undefined, now: number): Date | undefined {
  const text = answer.retryAfter?.trim();
  const seconds = text !== undefined && /^\d+$/.test(text) ? Number(text) : status?.details?.retryAfterSeconds;
  const at = seconds === undefined ? Date.parse(text ?? '') : now + seconds * 1_000;
  if (!Number.isFinite(at) || at <= now) return undefined;
  return new Date(Math.min(at, now + MAX_RETRY_AFTER_MS));
}

function reasonOf(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const text = error.message === '' ? error.name : error.message;
  return redact(code === undefined || text.includes(code) ? text : `${text} (${code})`);
}

function firstLine(text: string): string {
  const line = text.trim().split('\n', 1)[0] ?? '';
  return line === '' ? 'no reason given' : line;
}

/** An admission plugin may quote a field's value: anything that could be key material is left out. */
function redact(text: string): string {
  return text.replaceAll(/[A-Za-z0-9+/_=-]{80,}/g, '[…]').slice(0, MAX_MESSAGE_LENGTH);
}
