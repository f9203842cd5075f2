/**
 * How a bundle's record reads: conditions, Event, and the page that the Temporal Web UI shows. Pure; the only place where
 * these words are made, so that the resource, the Web UI and the CLI never say different things.
 */
import type { FailureInfo } from '../failures/failure.ts';
import type { CertificateFacts } from './certificate-facts.ts';
import { expiryLevel } from './expiry-level.ts';
import type { CertificateState, ReportedCondition } from './status-report.ts';

/** The part of a bundle's record that wording needs. */
export interface BundleSummary {
  readonly state: CertificateState;
  readonly message: string;
  /** Why the resources do not say so. */
  readonly statusWriteError?: string;
  readonly certificate?: CertificateFacts;
  readonly renewalTime?: string;
  readonly renewBeforeDays?: number;
  readonly failure?: FailureInfo;
  readonly failedAttempts: number;
  readonly nextAttempt?: string;
}

/** `acme/rateLimited` → `AcmeRateLimited`: a condition reason (Kubernetes API conventions: CamelCase). */
export function conditionReason(code: string): string {
  return code
    .split('/')
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join('');
}

/** What is going on, for places that do not read it from the resources: also that those do not say so. */
export function summaryMessage({
  message,
  statusWriteError: unwritten,
}: Pick<BundleSummary, 'message' | 'statusWriteError'>): string {
  return unwritten === undefined ? message : `${message} (The status could not be written: ${unwritten})`;
}

/** What a failure says to a person: what happened, what to do or expect, and when it is tried again. */
export function failureMessage(failure: FailureInfo, failedAttempts: number, nextAttempt: string | undefined): string {
  const parts = [failure.message];
  if (failure.remedy !== undefined) parts.push(failure.remedy);
  if (nextAttempt !== undefined && failure.code !== 'rateLimit/exactSet') {
    parts.push(
      `Attempt ${failedAttempts} failed; the next one is at ${nextAttempt}${failure.retry === 'onChange' ? ', or as soon as what it depends on changes' : ''}.`,
    );
  }
  return parts.join(' ');
}

/** An end that can be held up: of a cluster that is deleted, or of a bundle that was taken out of one that lives on. */
export interface BlockedDecommission {
  readonly of: 'cluster' | 'bundle';
  /** Epoch milliseconds after which it is given up; infinite: never. */
  readonly deadline: number;
}

/** What a blocked end says: what happened, when it is tried again, and what becomes of it if it never succeeds. */
export function blockedMessage(
  failure: FailureInfo,
  failedAttempts: number,
  nextAttempt: string,
  { of, deadline }: BlockedDecommission,
): string {
  const givenUp = of === 'cluster' ? 'the finalizer is released without it' : 'the bundle is given up without it';
  const otherwise = Number.isFinite(deadline)
    ? `If it cannot be done by ${new Date(deadline).toISOString()}, ${givenUp}.`
    : `It is tried until it can be done; to let the ${of} go without it: certman release.`;
  return `${failureMessage(failure, failedAttempts, nextAttempt)} ${otherwise}`;
}

/** @param now epoch milliseconds. */
export function expiryMessage(certificate: CertificateFacts, now: number): string {
  const over = Date.parse(certificate.notAfter) <= now;
  return `The certificate ${over ? 'expired' : 'expires'} at ${certificate.notAfter}.`;
}

/**
 * Conditions of a CertificateRequest. `Ready` speaks of the certificate in the Secret alone: it stays True through a failing
 * renewal while that certificate is valid, and is False from the beginning of the end, which revokes it.
 * @param now epoch milliseconds.
 */
export function conditionsFor(story: BundleSummary, now: number): readonly ReportedCondition[] {
  return [readyCondition(story, now), renewingCondition(story), failingCondition(story), expiryCondition(story, now)];
}

/** True only where a renewal is held up: an undisturbed one happens long before. */
function expiryCondition({ certificate, renewBeforeDays, message }: BundleSummary, now: number): ReportedCondition {
  const nearness = certificate === undefined ? 'far' : expiryLevel(certificate, now, renewBeforeDays);
  if (certificate === undefined || nearness === 'far') {
    const said = certificate === undefined ? 'There is no certificate.' : `Valid until ${certificate.notAfter}.`;
    return { type: 'ExpiryNear', status: 'False', reason: 'NotExpiring', message: said };
  }
  const reason = { near: 'Near', critical: 'Critical', expired: 'Expired' }[nearness];
  return { type: 'ExpiryNear', status: 'True', reason, message: `${expiryMessage(certificate, now)} ${message}` };
}

function readyCondition(story: BundleSummary, now: number): ReportedCondition {
  const { certificate } = story;
  if (story.state === 'Decommissioning') {
    // What is in the Secret may be revoked already.
    return { type: 'Ready', status: 'False', reason: 'Decommissioning', message: story.message };
  }
  if (certificate === undefined) {
    return {
      type: 'Ready',
      status: 'False',
      reason: story.failure === undefined ? story.state : conditionReason(story.failure.code),
      message: story.message,
    };
  }
  if (Date.parse(certificate.notAfter) <= now) {
    return {
      type: 'Ready',
      status: 'False',
      reason: 'Expired',
      message: `The certificate expired at ${certificate.notAfter}. ${story.message}`,
    };
  }
  return {
    type: 'Ready',
    status: 'True',
    reason: 'Issued',
    message: `Certificate ${certificate.serialNumber} by ${certificate.issuerName} is valid until ${certificate.notAfter}.`,
  };
}

function renewingCondition(story: BundleSummary): ReportedCondition {
  if (story.state === 'Issuing' || story.state === 'Renewing') {
    return { type: 'Renewing', status: 'True', reason: 'OrderInProgress', message: story.message };
  }
  return {
    type: 'Renewing',
    status: 'False',
    reason: story.renewalTime === undefined ? 'NotScheduled' : 'Scheduled',
    message: story.renewalTime === undefined ? story.message : `Will be renewed at ${story.renewalTime}.`,
  };
}

function failingCondition(story: BundleSummary): ReportedCondition {
  if (story.failure === undefined) {
    // Before the first certificate there may have been no attempt that ended.
    const message = story.certificate === undefined ? 'No attempt has failed.' : 'The last attempt succeeded.';
    return { type: 'Failing', status: 'False', reason: 'NoFailure', message };
  }
  return {
    type: 'Failing',
    status: 'True',
    reason: conditionReason(story.failure.code),
    // Of an end that is held up, the message tells also what becomes of it if it never can be done.
    message:
      story.state === 'Decommissioning'
        ? story.message
        : failureMessage(story.failure, story.failedAttempts, story.nextAttempt),
  };
}

/** What the details page of a cluster's workflow shows (Markdown). */
export function workflowDetails(
  clusterName: string,
  situation: string,
  bundles: Readonly<
    Record<string, BundleSummary & { readonly dnsNames: readonly string[]; readonly secretName: string }>
  >,
): string {
  const lines = [`### ${clusterName}`, '', situation, ''];
  const names = Object.keys(bundles).sort();
  if (names.length === 0) return [...lines, 'No certificate bundle is to be generated.'].join('\n');
  for (const name of names) {
    const bundle = bundles[name];
    if (bundle !== undefined) lines.push(`**${name}**: ${summaryMessage(bundle)}`, '');
  }
  lines.push('| bundle | state | names | expires | renews | Secret |', '| --- | --- | --- | --- | --- | --- |');
  for (const name of names) {
    const bundle = bundles[name];
    if (bundle === undefined) continue;
    lines.push(
      `| ${name} | **${bundle.state}** | ${escapeCell(shortList(bundle.dnsNames))} | ${bundle.certificate?.notAfter ?? '–'} | ${bundle.renewalTime ?? '–'} | ${bundle.secretName} |`,
    );
  }
  // The frame that Web UI 2.42 shows it in is a line too low: an empty one is what it cuts off.
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
