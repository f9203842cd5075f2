/** One bundle's life while its cluster is served: look, order when something is due, sleep until the exact instant. */
import { CancellationScope, CancelledFailure } from '@temporalio/workflow';
import type { NextAction } from '../../src/certificates/renewal-policy.ts';
import type { BundleView } from '../../src/clusters/cluster-view.ts';
import type { RequestObservation } from '../../src/contract/activities.ts';
import { retryModeOf } from '../../src/failures/failure.ts';
import { applyCertificateRequest } from '../activities.ts';
import { failureIn, isIssuanceCancelled, issuanceContextIn } from '../failures.ts';
import type { ClusterState } from './cluster-state.ts';
import { reinstateBundle } from './decommission.ts';
import { isOtherCa, keepWaiting, notBeforeOf, recordFailure, recordLeftovers } from './failed-attempt.ts';
import { isOrderable, type OrderableBundle, orderCertificate, rateLimitFailure } from './order.ts';
import { readyRecord } from './ready-record.ts';
import { decideRenewal } from './renewal-decision.ts';
import { initialWakeTime, sleepUntil } from './sleep-until.ts';
import { reportBundle } from './status-reporting.ts';

/** Serves until the bundle is no longer wanted or the cluster's end begins (then this scope is cancelled). */
export async function runBundle(cluster: ClusterState, name: string): Promise<void> {
  reinstateBundle(cluster, name);
  // Messages that came with the first task of a run have been heard before anything is served: none of them is seen yet.
  let seen = 0;
  let until = initialWakeTime(cluster, name);
  for (;;) {
    if (until === undefined || until > Date.now()) await sleepUntil(cluster, name, seen, until);
    const bundle = cluster.bundle(name);
    if (bundle === undefined || cluster.stopping) return;
    seen = cluster.changeCount(name);
    until = await evaluate(cluster, bundle);
  }
}

/** One look: what is there, what does it need, do it. @returns when to look again; undefined: only when something changes. */
async function evaluate(cluster: ClusterState, bundle: BundleView): Promise<number | undefined> {
  if (cluster.gate().kind !== 'serve') return await pauseBundle(cluster, bundle);
  let caHost: string | undefined;
  try {
    const held = notBeforeOf(cluster, bundle);
    const observation = await applyCertificateRequest({ cluster: cluster.view, bundle });
    ({ caHost } = observation);
    if (!isOrderable(bundle)) return await failInvalidNames(cluster, bundle);
    recordObservation(cluster, bundle, observation);
    const requested = cluster.attempts.isRequested(bundle.name);
    const action = decideRenewal(cluster, bundle.name, bundle.names.dnsNames, observation, requested);
    if (action.kind === 'sleep') return await waitForRenewal(cluster, bundle, action);
    if (held !== undefined && !isOtherCa(cluster, bundle.name, caHost)) return await keepWaiting(cluster, bundle, held);
    const limit = rateLimitFailure(cluster, bundle, observation);
    if (limit !== undefined) return await recordFailure(cluster, bundle, limit, { caHost });
    return await orderCertificate(cluster, bundle, observation, action);
  } catch (error) {
    const left = issuanceContextIn(error);
    if (left !== undefined) recordLeftovers(cluster, bundle.name, left, caHost);
    if (isIssuanceCancelled(error)) {
      // The cluster's end has begun.
      if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('the bundle is no longer served');
      // What it was for has changed: look again at once. Otherwise a person cancelled it, who would not have it begun anew.
      if (cluster.attempts.wasOutdated(bundle.name)) return 0;
    }
    return await recordFailure(cluster, bundle, failureIn(error), { leftovers: left, caHost });
  }
}

/** Takes in what the Secret holds. Where another certificate is in it than before, what was known of that one is no more. */
function recordObservation(cluster: ClusterState, bundle: OrderableBundle, observation: RequestObservation): void {
  const { secret, renewBeforeDays } = observation;
  const before = cluster.record(bundle.name).certificate;
  const certificate = secret.kind === 'valid' ? secret.certificate : undefined;
  const same = certificate === undefined || certificate.fingerprint === before?.fingerprint;
  cluster.update(bundle.name, {
    certificate,
    dnsNames: bundle.names.dnsNames,
    secretName: bundle.secretName,
    renewBeforeDays,
    ...(same ? {} : { caHost: undefined, suggestedWindow: undefined, revokedSerialNumber: undefined }),
  });
}

async function failInvalidNames(cluster: ClusterState, bundle: BundleView): Promise<number> {
  if (bundle.names.kind === 'valid') throw new TypeError('names that can be served are no failure');
  return await recordFailure(cluster, bundle, {
    code: bundle.names.code,
    message: bundle.names.message,
    retry: retryModeOf(bundle.names.code),
    remedy: `Correct the names in the ${cluster.resourceKind}; it goes on by itself then.`,
  });
}

/** A gate is closed: say so, touch nothing, wait for a change. */
async function pauseBundle(cluster: ClusterState, bundle: BundleView): Promise<undefined> {
  const gate = cluster.gate();
  if (gate.kind === 'serve' || gate.kind === 'decommission') return;
  cluster.update(bundle.name, {
    state: 'Paused',
    message: gate.message,
    nextAttempt: undefined,
    renewalTime: undefined,
  });
  // Whoever waits for a renewal, asked for or under way when the gate closed, is told now.
  cluster.attempts.finish(bundle.name, 'failed');
  cluster.publishSearchAttributes();
  // Hands off means off: another hub writes these resources now.
  if (gate.reason !== 'RelocatingOut') {
    await reportBundle(cluster, bundle.name, { type: 'Normal', reason: gate.reason, message: gate.message });
  }
}

/** The certificate in the Secret is good: sleep until it is due. */
async function waitForRenewal(
  cluster: ClusterState,
  bundle: BundleView,
  { until, certificate, message }: Extract<NextAction, { readonly kind: 'sleep' }>,
): Promise<number> {
  cluster.update(bundle.name, readyRecord(certificate, { at: until, message }));
  cluster.publishSearchAttributes();
  await reportBundle(cluster, bundle.name);
  return until;
}
