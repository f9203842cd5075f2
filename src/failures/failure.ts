/** The one shape of every failure that leaves a module with I/O. Pure: activities throw it, workflows decide by it. */

/**
 * Whether and when a failed operation is retried.
 * - `transient`: a temporary fault; retried by Temporal's activity retry policy.
 * - `backoff`: the other side refused; retried by the retry schedule (`src/certificates/retry-schedule.ts`).
 * - `onChange`: configuration or input is wrong; retried when a dependency changes, else by the retry schedule.
 */
export type RetryMode = 'transient' | 'backoff' | 'onChange';

/** Failure codes, `<outside system>/<what>`, with retry mode. Shown in the Web UI, conditions, logs and metrics. */
const RETRY_MODES = {
  'acme/accountMissing': 'onChange',
  'acme/accountInvalid': 'onChange',
  'acme/accountUnknown': 'onChange',
  'acme/accountKeyChanged': 'backoff',
  'acme/caChanged': 'onChange',
  'acme/caFailing': 'backoff',
  'acme/unauthorized': 'backoff',
  'acme/rateLimited': 'backoff',
  'acme/rejectedIdentifier': 'onChange',
  'acme/challengeFailed': 'backoff',
  'acme/orderInvalid': 'backoff',
  'acme/orderGone': 'backoff',
  'acme/pending': 'transient',
  'acme/badCsr': 'backoff',
  'acme/unreachable': 'transient',
  'acme/serverError': 'transient',
  'acme/malformed': 'backoff',
  'acme/unexpected': 'backoff',
  'dns/credentialsMissing': 'onChange',
  'dns/credentialsMalformed': 'onChange',
  'dns/accessDenied': 'onChange',
  'dns/zoneNotFound': 'onChange',
  'dns/zoneAmbiguous': 'onChange',
  'dns/nameOutsideZone': 'onChange',
  'dns/delegationMissing': 'onChange',
  'dns/delegationElsewhere': 'onChange',
  'dns/delegationBroken': 'onChange',
  'dns/delegationChanged': 'backoff',
  'dns/changeRefused': 'backoff',
  'dns/throttled': 'transient',
  'dns/queued': 'transient',
  'dns/pending': 'transient',
  'dns/notVisible': 'transient',
  'dns/unreachable': 'transient',
  'dns/platformUnsupported': 'onChange',
  'dns/notDelegated': 'onChange',
  'dns/caaForbids': 'onChange',
  'dns/dnssecBroken': 'onChange',
  'dns/unexpected': 'backoff',
  'kubernetes/unreachable': 'transient',
  'kubernetes/forbidden': 'onChange',
  'kubernetes/conflict': 'transient',
  'kubernetes/ownedByOther': 'onChange',
  'kubernetes/notAskedFor': 'onChange',
  'kubernetes/notFound': 'backoff',
  'kubernetes/gone': 'transient',
  'kubernetes/invalid': 'onChange',
  'kubernetes/crdOutdated': 'onChange',
  'kubernetes/secretBroken': 'onChange',
  'kubernetes/unexpected': 'backoff',
  'certificate/chainNotTrusted': 'backoff',
  'certificate/waitsForCanary': 'backoff',
  'certificate/issuerRefused': 'backoff',
  'crl/unreachable': 'transient',
  'crl/unusable': 'backoff',
  'crl/refused': 'onChange',
  'temporal/unreachable': 'transient',
  'temporal/visibilityUnavailable': 'transient',
  'temporal/workerStopping': 'transient',
  'temporal/payloadKeyUnknown': 'transient',
  'temporal/payloadInvalid': 'onChange',
  'temporal/payloadRefused': 'onChange',
  'worker/lost': 'transient',
  'worker/otherManagementCluster': 'onChange',
  'names/none': 'onChange',
  'names/invalid': 'onChange',
  'names/tooMany': 'onChange',
  'rateLimit/exactSet': 'backoff',
  'rateLimit/newOrders': 'backoff',
  'rateLimit/namespace': 'backoff',
  'rateLimit/runaway': 'backoff',
  'issuance/cancelled': 'backoff',
  'issuance/terminated': 'backoff',
  'configuration/invalid': 'onChange',
  'internal/unexpected': 'backoff',
} as const satisfies Readonly<Record<string, RetryMode>>;

/** A code of {@link FAILURE_CODES}: `<module>/<problem>`. */
export type FailureCode = keyof typeof RETRY_MODES;

/** Every failure code. */
export const FAILURE_CODES = Object.keys(RETRY_MODES) as readonly FailureCode[];

/** Whether a value is one of {@link FAILURE_CODES}. */
export function isFailureCode(value: unknown): value is FailureCode {
  return typeof value === 'string' && Object.hasOwn(RETRY_MODES, value);
}

/** The retry mode of a failure code. */
export function retryModeOf(code: FailureCode): RetryMode {
  return RETRY_MODES[code];
}

/** Whether an order waits for a limit that certman keeps itself: its `notBefore` is exact, and nothing was attempted. */
export function isOwnLimit(code: FailureCode): boolean {
  return code.startsWith('rateLimit/');
}

/** Whether an order waits for its turn among others: nothing is wrong, and there is nothing to do. */
export function isTurn(code: FailureCode): code is 'rateLimit/newOrders' | 'rateLimit/namespace' {
  return code === 'rateLimit/newOrders' || code === 'rateLimit/namespace';
}

/** Whether an attempt waits for others and nothing has failed: for its turn, or for the canary of its issuer. */
export function isWait(code: FailureCode): boolean {
  return isTurn(code) || code === 'certificate/waitsForCanary';
}

/** A failure as data: in `ApplicationFailure.details[0]`, in workflow state, in conditions. Contains no secrets. */
export interface FailureInfo {
  readonly code: FailureCode;
  /** What failed, where and why, in one or two sentences, quoting the outside system where it gave a reason. */
  readonly message: string;
  readonly retry: RetryMode;
  /** What an operator can do, or what certman does next, in one sentence. */
  readonly remedy?: string;
  /** RFC 3339; an earlier retry is useless (Retry-After, negative-cache TTL). */
  readonly notBefore?: string;
  /** The request was sent before the failure: the other side may have carried it out. */
  readonly outcomeUnknown?: true;
  /** With this worker's configuration, no attempt with the same input can have sent a request. */
  readonly neverSent?: true;
}

/** A failure with the retry mode of its code. */
export function failureInfo(parts: Omit<FailureInfo, 'retry'>): FailureInfo {
  return { ...parts, retry: retryModeOf(parts.code) };
}

/** What a thrower states; the retry mode follows from the code. */
export interface FailureParts extends Omit<FailureInfo, 'retry' | 'notBefore'> {
  readonly notBefore?: Date | string;
  readonly cause?: unknown;
}

/** The error of modules with I/O; wrap-activity.ts converts it. `cause` is in the worker's log, not in histories. */
export class CertmanError extends Error {
  readonly info: FailureInfo;

  constructor({ cause, notBefore, ...parts }: FailureParts) {
    super(parts.message, { cause });
    this.name = 'CertmanError';
    this.info = failureInfo({ ...parts, notBefore: notBefore && new Date(notBefore).toISOString() });
  }

  get code(): FailureCode {
    return this.info.code;
  }
}

/** Whether an error is a `CertmanError` of this code. */
export function isFailure(error: unknown, code: FailureCode): error is CertmanError {
  return error instanceof CertmanError && error.code === code;
}

/** The same failure, marked as {@link FailureInfo.outcomeUnknown}. */
export function withOutcomeUnknown(failure: CertmanError): CertmanError {
  const { code, message, remedy, notBefore } = failure.info;
  return new CertmanError({ code, message, remedy, notBefore, outcomeUnknown: true, cause: failure });
}
