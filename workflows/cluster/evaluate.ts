import { CancellationScope, CancelledFailure } from '@temporalio/workflow';
import { refusedCaChange } from '../../src/certificates/ca-change.ts';
import { type NextAction, nextAction } from '../../src/certificates/renewal-policy.ts';
import type { BundleView } from '../../src/clusters/cluster-view.ts';
import { type Gate, isRelocating } from '../../src/clusters/gate.ts';
import type { RequestObservation } from '../../src/contract/activities.ts';
import { lastAttemptOf } from '../../src/contract/bundle-record.ts';
import { failureInfo } from '../../src/failures/failure.ts';
import { applyCertificateRequest } from '../activities.ts';
import { failureIn, isIssuanceCancelled, issuanceContextIn } from '../failures.ts';
import type { Bundle, OrderableView } from './bundle.ts';
import { isOtherCa, keepWaiting, notBeforeOf, recordFailure, recordLeftovers } from './failed-attempt.ts';
import { orderCertificate, rateLimitFailure, readyMessage, termsOf } from './order.ts';
import { initialWake, NOW, ON_CHANGE, sleepUntil, type Wake } from './sleep-until.ts';

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
  const { names } = view;
  const gate = cluster.gate();
  if (gate.kind !== 'serve') return await pause(bundle, gate);
  let caHost: string | undefined;
  try {
    const notBefore = notBeforeOf(bundle, view);
    const observation = await applyCertificateRequest({ cluster: cluster.view, bundle: view });
    ({ caHost } = observation);
    if (names.kind === 'invalid') {
      const { code, message } = names;
      const remedy = `Correct the names in the ${cluster.resourceKind}; it is re-evaluated then.`;
      return await recordFailure(bundle, view, failureInfo({ code, message, remedy }));
    }
    const orderable: OrderableView = { ...view, names };
    bundle.observe(orderable, observation);
    const refusal = refusedCaChange({ ...observation, issuedByCaHost: bundle.record.caHost });
    if (refusal !== undefined) return await recordFailure(bundle, view, refusal, caHost);
    const action = decideRenewal(bundle, names.dnsNames, observation);
    if (action.kind === 'sleep') return await waitForRenewal(bundle, action);
    const lastAttempt = lastAttemptOf(bundle.record);
    if (notBefore !== undefined && lastAttempt !== undefined && !isOtherCa(lastAttempt, caHost))
      return await keepWaiting(bundle, lastAttempt, notBefore);
    const limit = rateLimitFailure(bundle, orderable, observation);
    if (limit !== undefined) return await recordFailure(bundle, view, limit, caHost);
    return await orderCertificate(bundle, orderable, observation, action);
  } catch (error) {
    const leftovers = issuanceContextIn(error);
    if (leftovers !== undefined) recordLeftovers(bundle, leftovers, caHost);
    if (isIssuanceCancelled(error)) {
      if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('the bundle is stopped');
      // An outdated order is replaced at once. An order that a person cancelled has failed.
      if (attempts.outdated) return NOW;
    }
    return await recordFailure(bundle, view, failureIn(error), caHost, leftovers);
  }
}

/** What the certificate needs now, by the renewal policy. */
function decideRenewal(
  { record, attempts }: Bundle,
  dnsNames: readonly string[],
  observation: RequestObservation,
): NextAction {
  const { caHost: issuedByCaHost, suggestedWindow, revokedSerialNumber } = record;
  const { secret, caHost } = observation;
  return nextAction({
    ...termsOf(observation),
    secret,
    dnsNames,
    renewRequested: attempts.requested,
    suggestedWindow,
    issuedByCaHost,
    caHost,
    revoked: secret.kind === 'valid' && secret.certificate.serialNumber === revokedSerialNumber,
  });
}

async function pause(bundle: Bundle, gate: Exclude<Gate, { readonly kind: 'serve' }>): Promise<Wake> {
  if (gate.kind === 'decommission') return ON_CHANGE;
  const { reason, message } = gate;
  bundle.attempts.finish('failed');
  bundle.enter({ state: 'Paused', lastAttempt: lastAttemptOf(bundle.record) }, { message });
  if (isRelocating(gate)) bundle.cluster.publishSearchAttributes();
  else await bundle.show({ type: 'Normal', reason, message });
  return ON_CHANGE;
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
  return until;
}
