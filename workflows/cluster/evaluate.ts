import { CancellationScope, CancelledFailure } from '@temporalio/workflow';
import type { NextAction } from '../../src/certificates/renewal-policy.ts';
import type { BundleView } from '../../src/clusters/cluster-view.ts';
import { lastAttemptOf } from '../../src/contract/bundle-record.ts';
import { retryModeOf } from '../../src/failures/failure.ts';
import { applyCertificateRequest } from '../activities.ts';
import { failureIn, isIssuanceCancelled, issuanceContextIn } from '../failures.ts';
import { type Bundle, isOrderable } from './bundle.ts';
import { isOtherCa, keepWaiting, notBeforeOf, recordFailure, recordLeftovers } from './failed-attempt.ts';
import { orderCertificate, rateLimitFailure } from './order.ts';
import { decideRenewal, readyMessage } from './renewal-decision.ts';
import { initialWake, sleepUntil, type Wake } from './sleep-until.ts';

/** Evaluates, orders what is due and sleeps, until the bundle is unwanted or its cluster stops (cancels the scope). */
export async function runBundle(bundle: Bundle): Promise<void> {
  reinstate(bundle);
  // Changes of the run's first task were counted before the loop started: none has been seen.
  let seen = 0;
  let wake = initialWake(bundle);
  for (;;) {
    await sleepUntil(bundle, seen, wake);
    const view = bundle.wanted;
    if (view === undefined || bundle.cluster.stopping) return;
    seen = bundle.changes.count;
    wake = await evaluate(bundle, view);
  }
}

/** How far the decommission came is unknown: the certificate counts as revoked, and no order is resumed. */
function reinstate(bundle: Bundle): void {
  const { state, certificate } = bundle.record;
  if (state !== 'Decommissioning') return;
  bundle.enter(
    { state: 'Pending' },
    {
      message: 'Wanted again after its decommission had started: what may be revoked is replaced.',
      revokedSerialNumber: certificate?.serialNumber,
    },
  );
}

async function evaluate(bundle: Bundle, view: BundleView): Promise<Wake> {
  const { cluster, attempts } = bundle;
  if (cluster.gate().kind !== 'serve') return await pause(bundle);
  let caHost: string | undefined;
  try {
    const notBefore = notBeforeOf(bundle, view);
    const observation = await applyCertificateRequest({ cluster: cluster.view, bundle: view });
    ({ caHost } = observation);
    if (!isOrderable(view)) return await failInvalidNames(bundle, view);
    bundle.observe(view, observation);
    const action = decideRenewal(bundle, view.names.dnsNames, observation);
    if (action.kind === 'sleep') return await waitForRenewal(bundle, action);
    const lastAttempt = lastAttemptOf(bundle.record);
    if (notBefore !== undefined && lastAttempt !== undefined && !isOtherCa(lastAttempt, caHost))
      return await keepWaiting(bundle, lastAttempt, notBefore);
    const limit = rateLimitFailure(bundle, view, observation);
    if (limit !== undefined) return await recordFailure(bundle, view, limit, { caHost });
    return await orderCertificate(bundle, view, observation, action);
  } catch (error) {
    const leftovers = issuanceContextIn(error);
    if (leftovers !== undefined) recordLeftovers(bundle, leftovers, caHost);
    if (isIssuanceCancelled(error)) {
      if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('the bundle is stopped');
      // An outdated order is replaced at once. An order that a person cancelled has failed.
      if (attempts.outdated) return { kind: 'now' };
    }
    return await recordFailure(bundle, view, failureIn(error), { leftovers, caHost });
  }
}

async function failInvalidNames(bundle: Bundle, view: BundleView): Promise<Wake> {
  if (view.names.kind === 'valid') throw new TypeError('valid names are no failure');
  const { code, message } = view.names;
  const remedy = `Correct the names in the ${bundle.cluster.resourceKind}; it is re-evaluated then.`;
  return await recordFailure(bundle, view, { code, message, retry: retryModeOf(code), remedy });
}

async function pause(bundle: Bundle): Promise<Wake> {
  const gate = bundle.cluster.gate();
  if (gate.kind === 'serve' || gate.kind === 'decommission') return { kind: 'onChange' };
  const { reason, message } = gate;
  bundle.attempts.finish('failed');
  bundle.enter({ state: 'Paused', lastAttempt: lastAttemptOf(bundle.record) }, { message });
  // The other management cluster writes the resources of a cluster that moves there.
  if (reason === 'RelocatingOut') bundle.cluster.publishSearchAttributes();
  else await bundle.show({ type: 'Normal', reason, message });
  return { kind: 'onChange' };
}

async function waitForRenewal(
  bundle: Bundle,
  { until, certificate, message }: Extract<NextAction, { readonly kind: 'sleep' }>,
): Promise<Wake> {
  const renewalTime = new Date(until).toISOString();
  await bundle.transition(
    { state: 'Ready', certificate, renewalTime },
    { message: readyMessage(certificate, renewalTime, message) },
  );
  return { kind: 'at', at: until };
}
