/** What becomes of a bundle when an attempt at its certificate failed, or may not be made yet. */

import { nameSetDigest } from '../../src/certificates/digest.ts';
import { lifetimeOf } from '../../src/certificates/planned-renewal.ts';
import { nextAttemptAt } from '../../src/certificates/retry-schedule.ts';
import { failureMessage } from '../../src/certificates/status-messages.ts';
import type { BundleView } from '../../src/clusters/cluster-view.ts';
import type { IssuanceFailureContext } from '../../src/contract/certificate-issuance.ts';
import type { FailureCode, FailureInfo } from '../../src/failures/failure.ts';
import { recordIssuance } from '../../src/rate-limit/exact-set-limit.ts';
import type { ClusterState } from './cluster-state.ts';
import { reportBundle } from './status-reporting.ts';

/** Each is a certificate that nobody has the key of any more; the newest matter most. */
const MAX_UNCLAIMED_ORDERS = 20;

/** Failures that a CA counts: Let's Encrypt gives back one validation per name in 12 minutes (domain limit of 5 an hour). */
const CA_COUNTED_CODES = new Set<FailureCode>(['acme/challengeFailed', 'acme/orderInvalid']);
const MIN_ATTEMPT_INTERVAL_MS = 12 * 60_000;

/** A person ended the order: what changes otherwise is no reason to have it begun anew before its turn. */
const ENDED_BY_OPERATOR_CODES = new Set<FailureCode>(['issuance/cancelled', 'issuance/terminated']);

/** What is known of an attempt beside why it failed. */
export interface FailedAttempt {
  /** Undefined: it was not its order that failed. */
  readonly leftovers?: IssuanceFailureContext | undefined;
  /** Host of the directory of the CA that would have issued, where that is known. */
  readonly caHost?: string | undefined;
}

/** Records a failure, tells it, and says when it is tried again (epoch milliseconds). */
export async function recordFailure(
  cluster: ClusterState,
  bundle: BundleView,
  failure: FailureInfo,
  { leftovers: left, caHost }: FailedAttempt = {},
): Promise<number> {
  const before = cluster.record(bundle.name);
  const now = Date.now();
  // Counted until a success, whatever fails: two faults in turn must not start the schedule anew each time.
  // Waiting for a limit is no attempt.
  const failedAttempts = before.failedAttempts + (failure.code === 'rateLimit/exactSet' ? 0 : 1);
  const until = nextAttemptAt(failure, failedAttempts, now, before.certificate);
  const nextAttempt = new Date(until).toISOString();
  cluster.update(bundle.name, {
    state: stateOf(failure),
    message: failureMessage(failure, failedAttempts, nextAttempt),
    dnsNames: bundle.names.kind === 'valid' ? bundle.names.dnsNames : [],
    secretName: bundle.secretName,
    failure,
    failedAt: new Date(now).toISOString(),
    failedCaHost: caHost,
    failedAttempts,
    nextAttempt,
    // What failed beside an order says nothing about it: its certificate may wait at the CA, with its key staged.
    openOrder: left === undefined ? before.openOrder : left.openOrder,
  });
  cluster.attempts.finish(bundle.name, 'failed');
  cluster.publishSearchAttributes();
  await reportBundle(cluster, bundle.name, { type: 'Warning', reason: 'Failing', message: failure.message });
  return until;
}

/**
 * The instant before which trying is useless, because the outside world has said so (Retry-After, a limit of the CA), or would
 * only use up what the CA grants. Undefined when there is none, or it is about other names than those wanted now.
 */
export function notBeforeOf(cluster: ClusterState, bundle: BundleView): number | undefined {
  const { failure, dnsNames } = cluster.record(bundle.name);
  if (failure === undefined) return undefined;
  if (bundle.names.kind === 'valid' && bundle.names.dnsNames.join(' ') !== dnsNames.join(' ')) return undefined;
  const told = failure.notBefore === undefined ? 0 : Date.parse(failure.notBefore);
  const until = Math.max(told, earliestAttempt(cluster, bundle.name));
  return until > Date.now() ? until : undefined;
}

/**
 * Whether an order would go to another CA now than the one that the last failure is of: what that one said holds no longer. What a
 * person did was not said by a CA.
 */
export function isOtherCa(cluster: ClusterState, name: string, caHost: string | undefined): boolean {
  const { failure, failedCaHost: failedWith } = cluster.record(name);
  if (failure !== undefined && ENDED_BY_OPERATOR_CODES.has(failure.code)) return false;
  return caHost !== undefined && failedWith !== undefined && caHost !== failedWith;
}

/**
 * What somebody changed brings the next attempt forward, but a cluster that keeps changing must not have every change ordered,
 * and an order that a person ended waits for its turn. An operator may have it at once.
 */
function earliestAttempt(cluster: ClusterState, name: string): number {
  const { failure, failedAt, failedAttempts, nextAttempt, certificate } = cluster.record(name);
  if (cluster.attempts.isRequested(name)) return 0;
  if (failure === undefined || failedAt === undefined) return 0;
  const failed = Date.parse(failedAt);
  // A gate that was closed meanwhile has taken the instant off.
  const planned =
    nextAttempt === undefined ? nextAttemptAt(failure, failedAttempts, failed, certificate) : Date.parse(nextAttempt);
  if (ENDED_BY_OPERATOR_CODES.has(failure.code)) return planned;
  return CA_COUNTED_CODES.has(failure.code) ? Math.min(planned, failed + MIN_ATTEMPT_INTERVAL_MS) : 0;
}

/** Goes on waiting for that instant, and says so where something else was said before. */
export async function keepWaiting(cluster: ClusterState, bundle: BundleView, until: number): Promise<number> {
  const record = cluster.record(bundle.name);
  const { failure, failedAttempts } = record;
  cluster.attempts.rejectRequest(bundle.name);
  const nextAttempt = new Date(until).toISOString();
  const said = record.state !== 'Paused' && record.nextAttempt === nextAttempt;
  if (said || failure === undefined) return until;
  cluster.update(bundle.name, {
    state: stateOf(failure),
    message: failureMessage(failure, failedAttempts, nextAttempt),
    nextAttempt,
  });
  cluster.publishSearchAttributes();
  await reportBundle(cluster, bundle.name);
  return until;
}

/**
 * Whatever becomes of the bundle, it is cleared away at the end.
 * @param environment as in {@link FailedAttempt}.
 */
export function recordLeftovers(
  cluster: ClusterState,
  name: string,
  left: IssuanceFailureContext,
  caHost: string | undefined,
): void {
  const { leftoverRecords: leftRecords, unclaimedOrder } = left;
  if (leftRecords !== undefined) cluster.update(name, { leftoverRecords: leftRecords });
  if (unclaimedOrder === undefined) return;
  const { unclaimedOrders = [], rateLimitState: allowances = [], certificate, dnsNames } = cluster.record(name);
  const set = { nameSet: nameSetDigest(dnsNames), caHost };
  // Each order counts once, however often it fails.
  if (unclaimedOrders.includes(unclaimedOrder)) return;
  cluster.update(name, {
    unclaimedOrders: [...unclaimedOrders, unclaimedOrder].slice(-MAX_UNCLAIMED_ORDERS),
    // The CA may have issued it, and then counts it.
    rateLimitState: recordIssuance(allowances, set, certificate && lifetimeOf(certificate), Date.now()),
  });
}

function stateOf(failure: FailureInfo): 'Waiting' | 'Failing' {
  return failure.retry === 'onChange' ? 'Waiting' : 'Failing';
}
