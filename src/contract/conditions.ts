import { expiryLevel } from '../certificates/expiry-level.ts';
import { renewalRequestMessage, renewalRequestReason } from '../certificates/renewal-request.ts';
import { isRevoked, revocationMessage, toReplaceFirst } from '../certificates/requested-revocation.ts';
import { conditionReason, expiryMessage, failureMessage, objectWriteMessage } from '../certificates/status-messages.ts';
import type { ReportedCondition } from '../certificates/status-report.ts';
import { isTurn, isWait } from '../failures/failure.ts';
import {
  type BundleRecord,
  failedAttemptsOf,
  failureOf,
  nextAttemptOf,
  reasonOf,
  renewalTimeOf,
} from './bundle-record.ts';

/** Conditions at `now` (epoch milliseconds). `Ready`: a valid certificate is in the Secret, even if a renewal fails. */
export function conditionsFor(record: BundleRecord, now: number): readonly ReportedCondition[] {
  return [
    readyCondition(record, now),
    issuingCondition(record),
    renewingCondition(record),
    failingCondition(record),
    pausedCondition(record),
    revokedCondition(record),
    expiryCondition(record, now),
    objectWriteCondition(record),
  ];
}

function condition(
  type: ReportedCondition['type'],
  holds: boolean,
  reason: string,
  message: string,
): ReportedCondition {
  return { type, status: holds ? 'True' : 'False', reason, message };
}

function readyCondition(record: BundleRecord, now: number): ReportedCondition {
  const { state, message, certificate, fallback } = record;
  // The certificate may be revoked already.
  if (state === 'Decommissioning') return condition('Ready', false, 'Decommissioning', message);
  if (certificate === undefined) return condition('Ready', false, reasonOf(record), message);
  const { serialNumber, issuerName, notBefore, notAfter } = certificate;
  if (Date.parse(notAfter) <= now) {
    return condition('Ready', false, 'Expired', `${expiryMessage(certificate, now)} ${message}`);
  }
  if (Date.parse(notBefore) > now) {
    return condition(
      'Ready',
      false,
      'NotYetValid',
      `Certificate ${serialNumber} by ${issuerName} is valid from ${notBefore}.`,
    );
  }
  const issued = `Certificate ${serialNumber} by ${issuerName} is valid until ${notAfter}.`;
  return condition('Ready', true, 'Issued', fallback === undefined ? issued : `${issued} ${fallback}`);
}

const POSTPONABLE_STATES: ReadonlySet<string> = new Set<BundleRecord['state']>(['Ready', 'Failing', 'Waiting']);

/** Of the first certificate; `Renewing` is of all others. */
function issuingCondition({ state, message, certificate }: BundleRecord): ReportedCondition {
  if (state === 'Issuing') return condition('Issuing', true, 'OrderInProgress', message);
  return certificate === undefined
    ? condition('Issuing', false, 'NotStarted', message)
    : condition('Issuing', false, 'Issued', 'There is a certificate.');
}

function renewingCondition(record: BundleRecord): ReportedCondition {
  const { state, message } = record;
  const renewalTime = renewalTimeOf(record);
  if (state === 'Renewing') return condition('Renewing', true, 'OrderInProgress', message);
  if (record.postponement !== undefined && POSTPONABLE_STATES.has(state))
    return condition('Renewing', false, record.postponement.reason, message);
  const code = failureOf(record)?.code;
  if (code === 'certificate/waitsForCanary') return condition('Renewing', true, conditionReason(code), message);
  const { renewalRequest } = record;
  if (renewalRequest !== undefined)
    return condition('Renewing', false, renewalRequestReason(renewalRequest), renewalRequestMessage(renewalRequest));
  if (renewalTime === undefined) return condition('Renewing', false, 'NotScheduled', message);
  // The default policy needs no explanation.
  const { renewalPolicy, renewalPolicyProblem } = record;
  const isExplained = state === 'Ready' && (renewalPolicy !== undefined || renewalPolicyProblem !== undefined);
  return condition('Renewing', false, 'Scheduled', isExplained ? message : `Will be renewed at ${renewalTime}.`);
}

function failingCondition(record: BundleRecord): ReportedCondition {
  const failure = failureOf(record);
  if (failure === undefined) {
    // Before the first certificate there may have been no attempt.
    const none = record.certificate === undefined ? 'No attempt has failed.' : 'The last attempt succeeded.';
    return condition('Failing', false, 'NoFailure', none);
  }
  if (isWait(failure.code)) {
    const what = isTurn(failure.code) ? 'The order waits for its turn.' : 'The certificate waits for a canary.';
    return condition('Failing', false, 'NoFailure', what);
  }
  // It also says what happens at the deadline.
  const why =
    record.state === 'Decommissioning'
      ? record.message
      : failureMessage(failure, failedAttemptsOf(record), nextAttemptOf(record));
  return condition('Failing', true, conditionReason(failure.code), why);
}

/** The message of a closed gate says what opens it. */
function pausedCondition(record: BundleRecord): ReportedCondition {
  if (record.state !== 'Paused') return condition('Paused', false, 'NotPaused', 'No gate is closed.');
  return condition('Paused', true, record.gate ?? 'GateClosed', record.message);
}

/** Of the certificate in the Secret, until it is replaced. */
function revokedCondition(record: BundleRecord): ReportedCondition {
  const { certificate, revokedSerialNumber, revocations = [] } = record;
  const pending = toReplaceFirst(record);
  if (pending !== undefined) return condition('Revoked', false, 'RevocationRequested', revocationMessage(pending));
  if (certificate === undefined || certificate.serialNumber !== revokedSerialNumber)
    return condition(
      'Revoked',
      false,
      'NotRevoked',
      'No CRL of the CA is known to have the certificate or its issuers.',
    );
  const requested = revocations.find((one) => one.serialNumber === revokedSerialNumber && isRevoked(one));
  const next = 'It is replaced as soon as the CA issues another one; if that fails, Failing says why.';
  if (requested !== undefined)
    return condition('Revoked', true, 'RevokedOnRequest', `${revocationMessage(requested)} ${next}`);
  const message = `Certificate ${certificate.serialNumber} by ${certificate.issuerName}, or one of its issuers, is revoked. ${next}`;
  return condition('Revoked', true, 'RevokedByCa', message);
}

/** True only while a renewal is overdue: one in time happens long before. */
function expiryCondition({ certificate, renewBeforeDays, message }: BundleRecord, now: number): ReportedCondition {
  if (certificate === undefined) return condition('ExpiryNear', false, 'NotExpiring', 'There is no certificate.');
  const level = expiryLevel(certificate, now, renewBeforeDays);
  if (level === 'far') return condition('ExpiryNear', false, 'NotExpiring', `Valid until ${certificate.notAfter}.`);
  return condition('ExpiryNear', true, conditionReason(level), `${expiryMessage(certificate, now)} ${message}`);
}

/** Of a certificate in use: the first one waits for both, and `Failing` says why. */
function objectWriteCondition({ objectWriteError }: BundleRecord): ReportedCondition {
  if (objectWriteError === undefined) {
    const none = 'No write of the finalizer or the CertificateRequest is outstanding.';
    return condition('ObjectWriteFailing', false, 'NoFailure', none);
  }
  const { failure } = objectWriteError;
  return condition('ObjectWriteFailing', true, conditionReason(failure.code), objectWriteMessage(objectWriteError));
}
