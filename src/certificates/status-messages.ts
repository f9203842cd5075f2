/** The wording of a bundle's state: conditions, Events, Web UI and CLI show the same sentences. Pure. */
import type { FailureInfo } from '../failures/failure.ts';
import type { CertificateFacts } from './certificate-facts.ts';
import { expiryLevel } from './expiry-level.ts';
import type { CertificateState, ReportedCondition } from './status-report.ts';

/** The part of a bundle's record that the wording depends on. Instants are RFC 3339. */
export interface BundleSummary {
  readonly state: CertificateState;
  readonly message: string;
  readonly statusWriteError?: string | undefined;
  readonly certificate?: CertificateFacts | undefined;
  readonly renewalTime?: string | undefined;
  readonly renewBeforeDays?: number | undefined;
  readonly failure?: FailureInfo | undefined;
  readonly failedAttempts: number;
  readonly nextAttempt?: string | undefined;
}

/** Converts a failure code to a condition reason, which is CamelCase: `acme/rateLimited` → `AcmeRateLimited`. */
export function conditionReason(code: string): string {
  return code
    .split('/')
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join('');
}

/** The message for the Web UI and the CLI: also says when the resources could not be updated. */
export function summaryMessage({
  message,
  statusWriteError,
}: Pick<BundleSummary, 'message' | 'statusWriteError'>): string {
  return statusWriteError === undefined ? message : `${message} (The status could not be written: ${statusWriteError})`;
}

/** What failed, what to do, and when the next attempt is. */
export function failureMessage(failure: FailureInfo, failedAttempts: number, nextAttempt: string | undefined): string {
  const { message, remedy, code, retry } = failure;
  const orOnChange = retry === 'onChange' ? ', or as soon as what it depends on changes' : '';
  const next =
    nextAttempt === undefined || code === 'rateLimit/exactSet'
      ? undefined
      : `Attempt ${failedAttempts} failed; the next one is at ${nextAttempt}${orOnChange}.`;
  return [message, remedy, next].filter((part) => part !== undefined).join(' ');
}

/** A decommission that fails: of a deleted cluster, or of a bundle that was removed from a cluster. */
export interface BlockedDecommission {
  readonly of: 'cluster' | 'bundle';
  /** Epoch milliseconds after which it is abandoned; infinite: never. */
  readonly deadline: number;
}

/** What blocks a decommission, when it is retried, and what happens at its deadline. */
export function blockedMessage(
  failure: FailureInfo,
  failedAttempts: number,
  nextAttempt: string,
  { of, deadline }: BlockedDecommission,
): string {
  const abandoned = of === 'cluster' ? 'the finalizer is released without it' : 'the bundle is given up without it';
  const otherwise = Number.isFinite(deadline)
    ? `If it cannot be done by ${new Date(deadline).toISOString()}, ${abandoned}.`
    : `It is tried until it can be done; to let the ${of} go without it: certman release.`;
  return `${failureMessage(failure, failedAttempts, nextAttempt)} ${otherwise}`;
}

/** When the certificate expires or expired. @param now epoch milliseconds. */
export function expiryMessage({ notAfter }: CertificateFacts, now: number): string {
  return `The certificate ${Date.parse(notAfter) <= now ? 'expired' : 'expires'} at ${notAfter}.`;
}

/** Conditions at `now` (epoch milliseconds). `Ready`: a valid certificate is in the Secret, even if a renewal fails. */
export function conditionsFor(bundle: BundleSummary, now: number): readonly ReportedCondition[] {
  return [
    readyCondition(bundle, now),
    renewingCondition(bundle),
    failingCondition(bundle),
    expiryCondition(bundle, now),
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

function readyCondition({ state, message, certificate, failure }: BundleSummary, now: number): ReportedCondition {
  // The certificate may be revoked already.
  if (state === 'Decommissioning') return condition('Ready', false, 'Decommissioning', message);
  if (certificate === undefined) {
    return condition('Ready', false, failure === undefined ? state : conditionReason(failure.code), message);
  }
  const { serialNumber, issuerName, notAfter } = certificate;
  if (Date.parse(notAfter) <= now) {
    return condition('Ready', false, 'Expired', `${expiryMessage(certificate, now)} ${message}`);
  }
  const issued = `Certificate ${serialNumber} by ${issuerName} is valid until ${notAfter}.`;
  return condition('Ready', true, 'Issued', issued);
}

function renewingCondition({ state, message, renewalTime }: BundleSummary): ReportedCondition {
  if (state === 'Issuing' || state === 'Renewing') return condition('Renewing', true, 'OrderInProgress', message);
  if (renewalTime === undefined) return condition('Renewing', false, 'NotScheduled', message);
  return condition('Renewing', false, 'Scheduled', `Will be renewed at ${renewalTime}.`);
}

function failingCondition(bundle: BundleSummary): ReportedCondition {
  const { state, message, certificate, failure, failedAttempts, nextAttempt } = bundle;
  if (failure === undefined) {
    // Before the first certificate there may have been no attempt.
    const none = certificate === undefined ? 'No attempt has failed.' : 'The last attempt succeeded.';
    return condition('Failing', false, 'NoFailure', none);
  }
  // It also says what happens at the deadline.
  const why = state === 'Decommissioning' ? message : failureMessage(failure, failedAttempts, nextAttempt);
  return condition('Failing', true, conditionReason(failure.code), why);
}

const EXPIRY_REASONS = { near: 'Near', critical: 'Critical', expired: 'Expired' } as const;

/** True only while a renewal is overdue: one in time happens long before. */
function expiryCondition({ certificate, renewBeforeDays, message }: BundleSummary, now: number): ReportedCondition {
  if (certificate === undefined) return condition('ExpiryNear', false, 'NotExpiring', 'There is no certificate.');
  const level = expiryLevel(certificate, now, renewBeforeDays);
  if (level === 'far') {
    return condition('ExpiryNear', false, 'NotExpiring', `Valid until ${certificate.notAfter}.`);
  }
  return condition('ExpiryNear', true, EXPIRY_REASONS[level], `${expiryMessage(certificate, now)} ${message}`);
}

type BundleDetails = BundleSummary & { readonly dnsNames: readonly string[]; readonly secretName: string };

/** The details page of a cluster's workflow in the Temporal Web UI, as Markdown. */
export function workflowDetails(
  clusterName: string,
  situation: string,
  bundles: Readonly<Record<string, BundleDetails>>,
): string {
  const lines = [`### ${clusterName}`, '', situation, ''];
  const sorted = Object.entries(bundles).sort(([one], [other]) => (one < other ? -1 : 1));
  if (sorted.length === 0) return [...lines, 'No certificate bundle is to be generated.'].join('\n');
  for (const [name, bundle] of sorted) lines.push(`**${name}**: ${summaryMessage(bundle)}`, '');
  lines.push('| bundle | state | names | expires | renews | Secret |', '| --- | --- | --- | --- | --- | --- |');
  for (const [name, { state, dnsNames, certificate, renewalTime = '–', secretName }] of sorted) {
    const names = escapeCell(shortList(dnsNames));
    lines.push(
      `| ${name} | **${state}** | ${names} | ${certificate?.notAfter ?? '–'} | ${renewalTime} | ${secretName} |`,
    );
  }
  // Web UI 2.42 cuts off the last line.
  lines.push('', '&nbsp;');
  return lines.join('\n');
}

function shortList(names: readonly string[]): string {
  const shown = names.slice(0, 4).join(', ');
  return names.length > 4 ? `${shown} and ${names.length - 4} more` : shown;
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('*', '\\*');
}
