import { z } from 'zod';
import { errorCodeOf } from '../../failures/error-code.ts';
import { CertmanError, type FailureCode } from '../../failures/failure.ts';
import { oneLine } from '../../failures/printable.ts';
import { parseRetryAfter } from '../../failures/retry-after.ts';
import type { ObjectKey, ResourceType } from './kubernetes-api.ts';

const MAX_MESSAGE_LENGTH = 1_000;
const MAX_REASON_LENGTH = 100;
/** A longer Retry-After is taken as a mistake: the API server asks for seconds. */
const MAX_RETRY_AFTER_MS = 10 * 60_000;

const CODES: Readonly<Record<number, FailureCode>> = {
  400: 'kubernetes/invalid',
  401: 'kubernetes/forbidden',
  403: 'kubernetes/forbidden',
  404: 'kubernetes/unreachable',
  408: 'kubernetes/unreachable',
  409: 'kubernetes/conflict',
  410: 'kubernetes/gone',
  413: 'kubernetes/invalid',
  422: 'kubernetes/invalid',
  429: 'kubernetes/unreachable',
};

const DEFAULT_REMEDY = 'certman retries shortly.';
const UNKNOWN_PATH_REMEDY =
  'If the API server does not know this kind of resource, install its CRD (deploy/base); else check what stands between certman and the API server. certman retries shortly.';
const REMEDIES: Readonly<Partial<Record<FailureCode, string>>> = {
  'kubernetes/forbidden':
    'Compare the rights of certman’s ServiceAccount with deploy/base/rbac.yaml, and check that its token is valid.',
  'kubernetes/invalid': 'Correct the object that the message names; certman retries when something changes.',
  'kubernetes/crdOutdated':
    'Install the CRD of this version of certman: kubectl apply -f deploy/base/certificaterequest-crd.yaml (for a kind of Hive: Hive’s). certman continues by itself.',
  'kubernetes/unexpected': 'Check what stands between certman and the API server; certman retries by its schedule.',
};

/** `meta/v1 Status`: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ */
const statusSchema = z.object({
  kind: z.literal('Status'),
  message: z.string().catch(''),
  reason: z.string().optional().catch(undefined),
  details: z
    .object({
      name: z.string().optional(),
      kind: z.string().optional(),
      causes: z.array(z.object({ reason: z.string().optional(), field: z.string().optional() })).default([]),
      retryAfterSeconds: z.number().optional(),
    })
    .catch({ causes: [] }),
});

type Status = z.infer<typeof statusSchema>;

/** A response of the API server, its body read. */
export interface ApiResponse {
  readonly status: number;
  readonly retryAfter?: string;
  readonly text: string;
}

/** An object that a request is about. */
export interface ObjectTarget {
  readonly resource: ResourceType;
  readonly key: ObjectKey;
}

/** A 404 that names no object: the path is unknown to the API server, or a load balancer or proxy answered. */
export class UnknownPathError extends CertmanError {
  override readonly name = 'UnknownPathError';
}

/** The API server refused. @param what the action in words: `apply CertificateRequest ns/name`. */
export function apiError(
  what: string,
  response: ApiResponse,
  { target, now = Date.now() }: { readonly target?: ObjectTarget; readonly now?: number } = {},
): CertmanError {
  const status = parseStatus(response.text);
  const code = target !== undefined && isNotFound(response, target) ? 'kubernetes/notFound' : codeOf(response, status);
  const reason = status?.reason === undefined ? '' : ` ${oneLine(status.reason, MAX_REASON_LENGTH)}`;
  const message = redact(status?.message || response.text.trim().split('\n', 1)[0] || 'no reason given');
  // The API server repeats the header in the Status.
  const retryAfter = response.retryAfter ?? status?.details.retryAfterSeconds?.toString();
  const isUnknownPath = response.status === 404 && code !== 'kubernetes/notFound';
  const ErrorClass = isUnknownPath ? UnknownPathError : CertmanError;
  return new ErrorClass({
    code,
    message: `The Kubernetes API refused to ${what} (${response.status}${reason}): ${message}`,
    remedy: isUnknownPath ? UNKNOWN_PATH_REMEDY : (REMEDIES[code] ?? DEFAULT_REMEDY),
    notBefore:
      code === 'kubernetes/unreachable' ? parseRetryAfter(retryAfter, new Date(now), MAX_RETRY_AFTER_MS) : undefined,
  });
}

/** A response that is larger than any single object: a list has to be asked for in smaller pages. */
export class ResponseTooLargeError extends CertmanError {
  constructor(origin: string, cause: unknown) {
    const message = `The Kubernetes API at ${origin} answered with more than certman reads at once.`;
    super({ code: 'kubernetes/unexpected', message, remedy: REMEDIES['kubernetes/unexpected'], cause });
    this.name = 'ResponseTooLargeError';
  }
}

/**
 * Whether the API server says that an object, or its namespace, does not exist. Any other 404 is a passing fault: what
 * stands between may answer it for an object that exists, and a missing object ends in revoked certificates.
 */
export function isNotFound({ status, text }: ApiResponse, { resource, key }: ObjectTarget): boolean {
  const found = status === 404 ? parseStatus(text) : undefined;
  if (found?.reason !== 'NotFound') return false;
  const { name, kind } = found.details;
  if (name === undefined) return false;
  return kind === 'namespaces' ? name === (key.namespace ?? key.name) : name === key.name && kind === resource.plural;
}

/** The failure of a request. There was no usable response: connection refused or lost, time-out, response too large. */
export function toCertmanError(origin: string, cause: unknown): CertmanError {
  if (cause instanceof CertmanError) return cause;
  if (errorCodeOf(cause) === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') return new ResponseTooLargeError(origin, cause);
  const why = cause instanceof Error ? describeCause(cause) : 'unknown reason';
  return new CertmanError({
    code: 'kubernetes/unreachable',
    message: `The Kubernetes API at ${origin} did not answer: ${why}.`,
    remedy: DEFAULT_REMEDY,
    cause,
  });
}

/** A response that is no API object, whatever its status: a proxy's page, a cut body. */
export function malformedResponseError(what: string, why: string): CertmanError {
  return new CertmanError({
    code: 'kubernetes/unexpected',
    message: `The Kubernetes API answered the request to ${what} with ${why}.`,
    remedy: REMEDIES['kubernetes/unexpected'],
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

function codeOf({ status: httpStatus }: ApiResponse, status: Status | undefined): FailureCode {
  const causes = status?.details.causes ?? [];
  // Server-side apply, with status 500. Source: sigs.k8s.io/structured-merge-diff typed/validate.go.
  if (status?.message.includes('field not declared in schema') === true) return 'kubernetes/crdOutdated';
  if (httpStatus === 422 && status !== undefined && isFailedPrecondition(status)) return 'kubernetes/conflict';
  // Nothing can be created in a namespace that is being deleted, and nothing there is needed any more.
  if (httpStatus === 403 && causes.some(({ reason }) => reason === 'NamespaceTerminating'))
    return 'kubernetes/notFound';
  return CODES[httpStatus] ?? (httpStatus >= 500 ? 'kubernetes/unreachable' : 'kubernetes/unexpected');
}

/**
 * A write for another uid or a failed JSON patch `test`: 422 as for an invalid object, but without an invalid field.
 * Source: k8s.io/apiserver pkg/endpoints/handlers/patch.go (applyJSPatch).
 */
function isFailedPrecondition({ message, details: { causes } }: Status): boolean {
  const isTestFailure = causes.length === 0 && message.startsWith('the server rejected our request');
  return isTestFailure || causes.some(({ field }) => field === 'metadata.uid');
}

function describeCause(error: Error): string {
  const code = errorCodeOf(error) ?? '';
  const text = error.message || error.name;
  return redact(text.includes(code) ? text : `${text} (${code})`);
}

/** Removes what could be key material or control a terminal: an admission plugin may quote a field's value. */
function redact(text: string): string {
  return oneLine(text.replaceAll(/[A-Za-z0-9+/_=-]{80,}/g, '[…]'), MAX_MESSAGE_LENGTH);
}
