/**
 * The one shape every outside failure takes once it has crossed an edge of the program.
 * Pure: shared by workflows (which decide what happens next) and activities (which throw).
 */

/** Stable names of what can go wrong, `<outside system>/<what>`. The Web UI, conditions, logs and metrics all show these. */
export const FAILURE_CODES = [
  'acme/accountMissing',
  'acme/accountInvalid',
  'acme/accountUnknown',
  'acme/unauthorized',
  'acme/rateLimited',
  'acme/rejectedIdentifier',
  'acme/challengeFailed',
  'acme/orderInvalid',
  'acme/orderGone',
  'acme/pending',
  'acme/badCsr',
  'acme/unreachable',
  'acme/serverError',
  'acme/malformed',
  'acme/unexpected',
  'dns/credentialsMissing',
  'dns/credentialsMalformed',
  'dns/accessDenied',
  'dns/zoneNotFound',
  'dns/zoneAmbiguous',
  'dns/nameOutsideZone',
  'dns/changeRefused',
  'dns/throttled',
  'dns/pending',
  'dns/notVisible',
  'dns/unreachable',
  'dns/platformUnsupported',
  'dns/unexpected',
  'kubernetes/unreachable',
  'kubernetes/forbidden',
  'kubernetes/conflict',
  'kubernetes/ownedByOther',
  'kubernetes/notFound',
  'kubernetes/gone',
  'kubernetes/invalid',
  'kubernetes/secretBroken',
  'kubernetes/unexpected',
  'crl/unreachable',
  'crl/unusable',
  'temporal/unreachable',
  'temporal/workerStopping',
  'worker/lost',
  'names/none',
  'names/invalid',
  'names/tooMany',
  'rateLimit/exactSet',
  'issuance/cancelled',
  'issuance/terminated',
  'configuration/invalid',
  'internal/unexpected',
] as const;

export type FailureCode = (typeof FAILURE_CODES)[number];

/**
 * Whether trying again by itself can help.
 * - `soon`: a passing fault; the activity's own backoff deals with it.
 * - `schedule`: the outside world said no; again by the retry schedule (1, 10, 100 minutes, then daily).
 * - `whenChanged`: wrong configuration or input; parked until something changes, looked at again by the schedule.
 */
export type RetryMode = 'transient' | 'backoff' | 'onChange';

/** A failure as it travels: in `ApplicationFailure.details[0]`, in workflow state, in a condition's message. No secrets, ever. */
export interface FailureInfo {
  readonly code: FailureCode;
  /** What failed, where and why, in one or two sentences, with the outside system's own words where it gave some. */
  readonly message: string;
  readonly retry: RetryMode;
  /** What happens next or what a person can do, in a sentence. */
  readonly remedy?: string;
  /** RFC 3339 instant before which trying again is useless (Retry-After, negative-cache TTL). */
  readonly notBefore?: string;
  /** What was to be done may have been done all the same: it was sent before this failed. */
  readonly outcomeUnknown?: true;
  /** No attempt with the same input can have sent anything, as this worker is set up. */
  readonly neverSent?: true;
}

const RETRY_MODES: Readonly<Partial<Record<FailureCode, RetryMode>>> = {
  'acme/accountMissing': 'onChange',
  'acme/accountInvalid': 'onChange',
  'acme/accountUnknown': 'onChange',
  'acme/rejectedIdentifier': 'onChange',
  'acme/unauthorized': 'backoff',
  'acme/rateLimited': 'backoff',
  'acme/challengeFailed': 'backoff',
  'acme/orderInvalid': 'backoff',
  'acme/orderGone': 'backoff',
  'acme/badCsr': 'backoff',
  'acme/malformed': 'backoff',
  'acme/unexpected': 'backoff',
  'dns/credentialsMissing': 'onChange',
  'dns/credentialsMalformed': 'onChange',
  'dns/accessDenied': 'onChange',
  'dns/zoneNotFound': 'onChange',
  'dns/zoneAmbiguous': 'onChange',
  'dns/nameOutsideZone': 'onChange',
  'dns/platformUnsupported': 'onChange',
  'dns/changeRefused': 'backoff',
  'dns/unexpected': 'backoff',
  'kubernetes/forbidden': 'onChange',
  'kubernetes/ownedByOther': 'onChange',
  'kubernetes/invalid': 'onChange',
  'kubernetes/notFound': 'backoff',
  'kubernetes/secretBroken': 'onChange',
  'kubernetes/unexpected': 'backoff',
  'crl/unusable': 'backoff',
  'names/none': 'onChange',
  'names/invalid': 'onChange',
  'names/tooMany': 'onChange',
  'rateLimit/exactSet': 'backoff',
  'issuance/cancelled': 'backoff',
  'issuance/terminated': 'backoff',
  'configuration/invalid': 'onChange',
  'internal/unexpected': 'backoff',
};

/** The stance that goes with a code; codes not named here are passing faults. */
export function retryModeOf(code: FailureCode): RetryMode {
  return RETRY_MODES[code] ?? 'transient';
}

/** Parts a thrower gives; the stance follows from the code. */
export interface FailureParts {
  readonly code: FailureCode;
  readonly message: string;
  readonly remedy?: string;
  readonly notBefore?: Date;
  readonly outcomeUnknown?: true;
  readonly neverSent?: true;
  readonly cause?: unknown;
}

/**
 * The error that the modules under `src/` throw at their edge. The activity boundary turns it into Temporal's
 * `ApplicationFailure` (type = code, details = [FailureInfo]); `cause` stays in the worker's log and never reaches a history.
 */
export class CertmanError extends Error {
  readonly info: FailureInfo;

  constructor(parts: FailureParts) {
    super(parts.message, parts.cause === undefined ? undefined : { cause: parts.cause });
    this.name = 'CertmanError';
    this.info = {
      code: parts.code,
      message: parts.message,
      retry: retryModeOf(parts.code),
      ...(parts.remedy === undefined ? {} : { remedy: parts.remedy }),
      ...(parts.notBefore === undefined ? {} : { notBefore: parts.notBefore.toISOString() }),
      ...(parts.outcomeUnknown === undefined ? {} : { outcomeUnknown: parts.outcomeUnknown }),
      ...(parts.neverSent === undefined ? {} : { neverSent: parts.neverSent }),
    };
  }

  get code(): FailureCode {
    return this.info.code;
  }
}

/** The same failure, of something that may have been done all the same. */
export function withOutcomeUnknown(failure: CertmanError): CertmanError {
  const { code, message, remedy: next, notBefore } = failure.info;
  return new CertmanError({
    code,
    message,
    ...(next === undefined ? {} : { remedy: next }),
    ...(notBefore === undefined ? {} : { notBefore: new Date(notBefore) }),
    outcomeUnknown: true,
    cause: failure,
  });
}

export function isFailureCode(value: unknown): value is FailureCode {
  return typeof value === 'string' && (FAILURE_CODES as readonly string[]).includes(value);
}
