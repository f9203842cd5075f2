/** One bundle's life while its cluster is served: look, order when something is due, sleep until the exact instant. */
import { CancellationScope, CancelledFailure } from '@temporalio/workflow';
import type { RequestObservation } from '../../activities/contract.ts';
import type { NextAction } from '../../src/certificates/renewal-policy.ts';
import type { BundleView } from '../../src/clusters/cluster-view.ts';
import { stanceOf } from '../../src/failures/failure.ts';
import { applyCertificateRequest } from '../activities.ts';
import { failureIn, issuanceContextIn, wasCutShort } from '../failures.ts';
import type { ClusterState } from './cluster-state.ts';
import { decide } from './decision.ts';
import { takeUpAgain } from './decommission.ts';
import { fail, heldUntil, isAnotherCa, rememberLeft, waitAsTold } from './failing.ts';
import { isOrderable, limitReached, type OrderableBundle, order } from './order.ts';
import { readyUntil } from './ready.ts';
import { report } from './reporting.ts';
import { rest, restingUntil } from './rest.ts';

/** Serves until the bundle is no longer wanted or the cluster's end begins (then this scope is cancelled). */
export async function serveBundle(cluster: ClusterState, name: string): Promise<void> {
  takeUpAgain(cluster, name);
  // Messages that came with the first task of a run have been heard before anything is served: none of them is seen yet.
  let seen = 0;
  let until = restingUntil(cluster, name);
  for (;;) {
    if (until === undefined || until > Date.now()) await rest(cluster, name, seen, until);
    const bundle = cluster.bundle(name);
    if (bundle === undefined || cluster.leaving) return;
    seen = cluster.changesOf(name);
    until = await look(cluster, bundle);
  }
}

/** One look: what is there, what does it need, do it. @returns when to look again; undefined: only when something changes. */
async function look(cluster: ClusterState, bundle: BundleView): Promise<number | undefined> {
  if (cluster.gate().kind !== 'serve') return await holdOff(cluster, bundle);
  let environment: string | undefined;
  try {
    const held = heldUntil(cluster, bundle);
    const observation = await applyCertificateRequest({ cluster: cluster.view, bundle });
    ({ environment } = observation);
    if (!isOrderable(bundle)) return await failForNames(cluster, bundle);
    observe(cluster, bundle, observation);
    const requested = cluster.attempts.isRequested(bundle.name);
    const action = decide(cluster, bundle.name, bundle.names.dnsNames, observation, requested);
    if (action.kind === 'sleep') return await settle(cluster, bundle, action);
    if (held !== undefined && !isAnotherCa(cluster, bundle.name, environment))
      return await waitAsTold(cluster, bundle, held);
    const limit = limitReached(cluster, bundle, observation);
    if (limit !== undefined) return await fail(cluster, bundle, limit, { environment });
    return await order(cluster, bundle, observation, action);
  } catch (error) {
    const left = issuanceContextIn(error);
    if (left !== undefined) rememberLeft(cluster, bundle.name, left, environment);
    if (wasCutShort(error)) {
      // The cluster's end has begun.
      if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('the bundle is no longer served');
      // What it was for has changed: look again at once. Otherwise a person cancelled it, who would not have it begun anew.
      if (cluster.attempts.wasCutShort(bundle.name)) return 0;
    }
    return await fail(cluster, bundle, failureIn(error), { left, environment });
  }
}

/** Takes in what the Secret holds. Where another certificate is in it than before, what was known of that one is no more. */
function observe(cluster: ClusterState, bundle: OrderableBundle, observation: RequestObservation): void {
  const { secret, renewBeforeDays } = observation;
  const before = cluster.record(bundle.name).certificate;
  const certificate = secret.kind === 'valid' ? secret.certificate : undefined;
  const same = certificate === undefined || certificate.fingerprint === before?.fingerprint;
  cluster.update(bundle.name, {
    certificate,
    dnsNames: bundle.names.dnsNames,
    secretName: bundle.secretName,
    renewBeforeDays,
    ...(same ? {} : { environment: undefined, suggestedWindow: undefined, revoked: undefined }),
  });
}

async function failForNames(cluster: ClusterState, bundle: BundleView): Promise<number> {
  if (bundle.names.kind === 'valid') throw new TypeError('names that can be served are no failure');
  return await fail(cluster, bundle, {
    code: bundle.names.code,
    message: bundle.names.message,
    stance: stanceOf(bundle.names.code),
    next: `Correct the names in the ${cluster.servedKind}; it goes on by itself then.`,
  });
}

/** A gate is closed: say so, touch nothing, wait for a change. */
async function holdOff(cluster: ClusterState, bundle: BundleView): Promise<undefined> {
  const gate = cluster.gate();
  if (gate.kind === 'serve' || gate.kind === 'decommission') return;
  cluster.update(bundle.name, {
    state: 'Paused',
    message: gate.message,
    nextAttempt: undefined,
    renewalTime: undefined,
  });
  // Whoever waits for a renewal, asked for or under way when the gate closed, is told now.
  cluster.attempts.ended(bundle.name, 'failed');
  cluster.publishAttributes();
  // Hands off means off: another hub writes these resources now.
  if (gate.reason !== 'RelocatingOut') {
    await report(cluster, bundle.name, { type: 'Normal', reason: gate.reason, message: gate.message });
  }
}

/** The certificate in the Secret is good: sleep until it is due. */
async function settle(
  cluster: ClusterState,
  bundle: BundleView,
  { until, certificate, message }: Extract<NextAction, { readonly kind: 'sleep' }>,
): Promise<number> {
  cluster.update(bundle.name, readyUntil(certificate, { at: until, message }));
  cluster.publishAttributes();
  await report(cluster, bundle.name);
  return until;
}
