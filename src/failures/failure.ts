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
  'kubernetes/heldByOther',
  'kubernetes/notFound',
  'kubernetes/gone',
  'kubernetes/invalid',
  'kubernetes/secretBroken',
  'kubernetes/unexpected',
  'revocation/unreachable',
  'revocation/unusable',
  'temporal/unreachable',
  'temporal/workerStopping',
  'worker/lost',
  'names/none',
  'names/invalid',
  'names/tooMany',
  'limits/exactSet',
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
export type RetryStance = 'soon' | 'schedule' | 'whenChanged';

/** A failure as it travels: in `ApplicationFailure.details[0]`, in workflow state, in a condition's message. No secrets, ever. */
export interface FailureInfo {
  readonly code: FailureCode;
  /** What failed, where and why, in one or two sentences, with the outside system's own words where it gave some. */
  readonly message: string;
  readonly stance: RetryStance;
  /** What happens next or what a person can do, in a sentence. */
  readonly next?: string;
  /** RFC 3339 instant before which trying again is useless (Retry-After, negative-cache TTL). */
  readonly notBefore?: string;
  /** What was to be done may have been done all the same: it was sent before this failed. */
  readonly sent?: true;
  /** No attempt with the same input can have sent anything, as this worker is set up. */
  readonly neverSent?: true;
}

const STANCES: Readonly<Partial<Record<FailureCode, RetryStance>>> = {
  'acme/accountMissing': 'whenChanged',
  'acme/accountInvalid': 'whenChanged',
  'acme/accountUnknown': 'whenChanged',
  'acme/rejectedIdentifier': 'whenChanged',
  'acme/unauthorized': 'schedule',
  'acme/rateLimited': 'schedule',
  'acme/challengeFailed': 'schedule',
  'acme/orderInvalid': 'schedule',
  'acme/orderGone': 'schedule',
  'acme/badCsr': 'schedule',
  'acme/malformed': 'schedule',
  'acme/unexpected': 'schedule',
  'dns/credentialsMissing': 'whenChanged',
  'dns/credentialsMalformed': 'whenChanged',
  'dns/accessDenied': 'whenChanged',
  'dns/zoneNotFound': 'whenChanged',
  'dns/zoneAmbiguous': 'whenChanged',
  'dns/nameOutsideZone': 'whenChanged',
  'dns/platformUnsupported': 'whenChanged',
  'dns/changeRefused': 'schedule',
  'dns/unexpected': 'schedule',
  'kubernetes/forbidden': 'whenChanged',
  'kubernetes/heldByOther': 'whenChanged',
  'kubernetes/invalid': 'whenChanged',
  'kubernetes/notFound': 'schedule',
  'kubernetes/secretBroken': 'whenChanged',
  'kubernetes/unexpected': 'schedule',
  'revocation/unusable': 'schedule',
  'names/none': 'whenChanged',
  'names/invalid': 'whenChanged',
  'names/tooMany': 'whenChanged',
  'limits/exactSet': 'schedule',
  'issuance/cancelled': 'schedule',
  'issuance/terminated': 'schedule',
  'configuration/invalid': 'whenChanged',
  'internal/unexpected': 'schedule',
};

/** The stance that goes with a code; codes not named here are passing faults. */
export function stanceOf(code: FailureCode): RetryStance {
  return STANCES[code] ?? 'soon';
}

/** Parts a thrower gives; the stance follows from the code. */
export interface FailureParts {
  readonly code: FailureCode;
  readonly message: string;
  readonly next?: string;
  readonly notBefore?: Date;
  readonly sent?: true;
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
      stance: stanceOf(parts.code),
      ...(parts.next === undefined ? {} : { next: parts.next }),
      ...(parts.notBefore === undefined ? {} : { notBefore: parts.notBefore.toISOString() }),
      ...(parts.sent === undefined ? {} : { sent: parts.sent }),
      ...(parts.neverSent === undefined ? {} : { neverSent: parts.neverSent }),
    };
  }

  get code(): FailureCode {
    return this.info.code;
  }
}

/** The same failure, of something that may have been done all the same. */
export function afterSending(failure: CertmanError): CertmanError {
  const { code, message, next, notBefore } = failure.info;
  return new CertmanError({
    code,
    message,
    ...(next === undefined ? {} : { next }),
    ...(notBefore === undefined ? {} : { notBefore: new Date(notBefore) }),
    sent: true,
    cause: failure,
  });
}

export function isFailureCode(value: unknown): value is FailureCode {
  return typeof value === 'string' && (FAILURE_CODES as readonly string[]).includes(value);
}
