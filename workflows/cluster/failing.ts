/** What becomes of a bundle when an attempt at its certificate failed, or may not be made yet. */

import { nextAttemptAt } from '../../src/certificates/retry-schedule.ts';
import { failureSentence } from '../../src/certificates/status-wording.ts';
import type { BundleView } from '../../src/clusters/cluster-view.ts';
import type { FailureInfo } from '../../src/failures/failure.ts';
import type { IssuanceFailureContext } from '../contract.ts';
import type { ClusterState } from './cluster-state.ts';
import { report } from './reporting.ts';

/** Each is a certificate that nobody has the key of any more; the newest matter most. */
const MOST_UNCLAIMED = 20;

/** Records a failure, tells it, and says when it is tried again (epoch milliseconds). */
export async function fail(
  cluster: ClusterState,
  bundle: BundleView,
  failure: FailureInfo,
  left: IssuanceFailureContext = {},
): Promise<number> {
  const before = cluster.record(bundle.name);
  const now = Date.now();
  // Counted until a success, whatever fails: two faults in turn must not start the schedule anew each time.
  const failedAttempts = before.failedAttempts + 1;
  const until = nextAttemptAt(failure, failedAttempts, now, before.certificate);
  const nextAttempt = new Date(until).toISOString();
  cluster.update(bundle.name, {
    state: stateOf(failure),
    message: failureSentence(failure, failedAttempts, nextAttempt),
    dnsNames: bundle.names.kind === 'valid' ? bundle.names.dnsNames : [],
    secretName: bundle.secretName,
    failure,
    failedAt: new Date(now).toISOString(),
    failedAttempts,
    nextAttempt,
    openOrder: left.openOrder,
  });
  cluster.attemptEnded(bundle.name, 'failed');
  cluster.publishAttributes();
  await report(cluster, bundle.name, { type: 'Warning', reason: 'Failing', message: failure.message });
  return until;
}

/**
 * The instant before which the outside world has said that trying is useless (Retry-After, a limit of the CA).
 * Undefined when there is none, or it was said of other names than those wanted now.
 */
export function heldUntil(cluster: ClusterState, bundle: BundleView): number | undefined {
  const record = cluster.record(bundle.name);
  const told = record.failure?.notBefore;
  if (told === undefined || Date.parse(told) <= Date.now()) return undefined;
  const changed = bundle.names.kind === 'valid' && bundle.names.dnsNames.join(' ') !== record.dnsNames.join(' ');
  return changed ? undefined : Date.parse(told);
}

/** Goes on waiting for that instant. A bundle that was paused meanwhile says again what it waits for. */
export async function waitAsTold(cluster: ClusterState, bundle: BundleView, until: number): Promise<number> {
  const { state, failure, failedAttempts } = cluster.record(bundle.name);
  cluster.declineRenewal(bundle.name);
  if (state !== 'Paused' || failure === undefined) return until;
  const nextAttempt = new Date(until).toISOString();
  cluster.update(bundle.name, {
    state: stateOf(failure),
    message: failureSentence(failure, failedAttempts, nextAttempt),
    nextAttempt,
  });
  cluster.publishAttributes();
  await report(cluster, bundle.name);
  return until;
}

/** Whatever becomes of the bundle, it is cleared away at the end. */
export function rememberLeft(cluster: ClusterState, name: string, left: IssuanceFailureContext): void {
  const { leftRecords, unclaimedOrder } = left;
  if (leftRecords !== undefined) cluster.update(name, { leftRecords });
  if (unclaimedOrder === undefined) return;
  const others = (cluster.record(name).unclaimedOrders ?? []).filter((order) => order !== unclaimedOrder);
  cluster.update(name, { unclaimedOrders: [...others, unclaimedOrder].slice(-MOST_UNCLAIMED) });
}

function stateOf(failure: FailureInfo): 'Waiting' | 'Failing' {
  return failure.stance === 'whenChanged' ? 'Waiting' : 'Failing';
}
