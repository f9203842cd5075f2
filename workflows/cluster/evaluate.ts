import { CancellationScope, CancelledFailure, log, patched } from '@temporalio/workflow';
import { refusedCaChange } from '../../src/certificates/ca-change.ts';
import type { Postponement } from '../../src/certificates/postponement.ts';
import type { NextAction } from '../../src/certificates/renewal-policy.ts';
import { isPending, type RenewalRequest, renewalRequestMessage } from '../../src/certificates/renewal-request.ts';
import { pendingRevocations } from '../../src/certificates/requested-revocation.ts';
import { scheduleRetry } from '../../src/certificates/scheduled-retry.ts';
import { objectWriteMessage } from '../../src/certificates/status-messages.ts';
import type { BundleView } from '../../src/clusters/cluster-view.ts';
import { type Gate, isRelocating } from '../../src/clusters/gate.ts';
import { lastAttemptOf, nextAttemptOf, waitsForTurn } from '../../src/contract/bundle-record.ts';
import { decideRenewal, type RenewalWishes, readyMessage } from '../../src/contract/evaluation.ts';
import { TURN_GIVEN_UP } from '../../src/contract/patches.ts';
import { type FailureInfo, failureInfo } from '../../src/failures/failure.ts';
import { failureIn, isIssuanceCancelled, issuanceContextIn } from '../failures.ts';
import type { Bundle, OrderableView } from './bundle.ts';
import { campaignToMeet, campaignWake, settleCampaigns } from './campaigns.ts';
import { isOtherCa, keepWaiting, notBeforeOf, recordFailure, recordLeftovers } from './failed-attempt.ts';
import { giveUpTurn, withoutTurn } from './give-up-turn.ts';
import { orderCertificate, rateLimitFailure } from './order.ts';
import { newPostponementEvent, postponeNextAttempt, withPostponement } from './postponed-renewal.ts';
import { certificateToReplace, revocationWake, settleRevocations } from './revocations.ts';
import { initialWake, NOW, ON_CHANGE, readyWake, sleepUntil, type Wake } from './sleep-until.ts';
import { showWithdrawal } from './withdraw-renewal.ts';

/** Evaluates, orders what is due and sleeps, until the bundle is unwanted or its cluster stops (cancels the scope). */
export async function runBundle(bundle: Bundle): Promise<void> {
  reinstate(bundle);
  // Changes of the run's first task were counted before the loop started: none has been seen.
  let seen = 0;
  let wake = Math.min(initialWake(bundle), campaignWake(bundle), revocationWake(bundle), requestWake(bundle));
  for (;;) {
    await sleepUntil(bundle, seen, wake);
    const view = bundle.wanted;
    if (view === undefined || bundle.cluster.stopping) return;
    seen = bundle.changes.count;
    wake = await evaluate(bundle, view);
    if (bundle.record.campaigns !== undefined) wake = await settleCampaigns(bundle, wake);
    if (pendingRevocations(bundle.record).length > 0) wake = await settleRevocations(bundle, wake);
    wake = Math.min(wake, requestWake(bundle));
  }
}

function campaignOf(bundle: Bundle): RenewalWishes['campaign'] {
  const request = campaignToMeet(bundle);
  return request && { name: request.campaign, revokes: request.revocation !== undefined };
}

/** When a requested renewal expires. */
function requestWake({ record: { renewalRequest, state } }: Bundle): Wake {
  return isPending(renewalRequest) && state !== 'Paused' ? Date.parse(renewalRequest.until) : ON_CHANGE;
}

async function expireRequest(bundle: Bundle, request: RenewalRequest): Promise<void> {
  const last = lastAttemptOf(bundle.record)?.failure;
  const expired = { ...request, expired: last?.message ?? 'None was possible.' };
  bundle.learn({ renewalRequest: expired });
  await bundle.show({ type: 'Warning', reason: 'RenewalRequestExpired', message: renewalRequestMessage(expired) });
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
  const { renewalRequest } = bundle.record;
  // Only where it is due: an await costs other bundles of the task their place in one evaluation.
  if (isPending(renewalRequest) && Date.parse(renewalRequest.until) <= Date.now())
    await expireRequest(bundle, renewalRequest);
  if (attempts.isWithdrawalUnshown) await showWithdrawal(bundle);
  const scheduled = nextAttemptOf(bundle.record);
  let caHost: string | undefined;
  try {
    const notBefore = notBeforeOf(bundle, view);
    const { postponement: before } = bundle.record;
    const observation = withPostponement(await cluster.observe(bundle));
    ({ caHost } = observation);
    if (names.kind === 'invalid') {
      const { code, message } = names;
      const remedy = `Correct the names in the ${cluster.resourceKind}; it is re-evaluated then.`;
      return await recordFailure(bundle, view, scheduled, failureInfo({ code, message, remedy }));
    }
    const orderable: OrderableView = { ...view, names };
    bundle.observe(orderable, observation);
    const refusal = refusedCaChange({ ...observation, issuedByCaHost: bundle.record.caHost });
    if (refusal !== undefined) return await recordFailure(bundle, view, scheduled, refusal, caHost);
    recordObjectWrite(bundle, observation.writeError);
    const renewRequested = attempts.requested || isPending(bundle.record.renewalRequest);
    const revokeAfter = certificateToReplace(bundle);
    const options = { now: Date.now(), renewRequested, revokeAfter, campaign: campaignOf(bundle) };
    const action = decideRenewal(bundle.record, names.dnsNames, observation, options);
    const lastAttempt = lastAttemptOf(bundle.record);
    if (action.kind === 'sleep' && action.postponement !== undefined && lastAttempt !== undefined)
      return await postponeNextAttempt(bundle, action.postponement, lastAttempt, before);
    if (action.kind === 'sleep') return await waitForRenewal(bundle, action, before, observation.reported);
    if (notBefore !== undefined && lastAttempt !== undefined && !isOtherCa(lastAttempt, caHost))
      return await keepWaiting(bundle, lastAttempt, notBefore);
    const limit = rateLimitFailure(bundle, orderable, observation);
    if (limit !== undefined) return await recordFailure(bundle, view, scheduled, limit, caHost);
    return await orderCertificate(bundle, orderable, observation, action);
  } catch (error) {
    const leftovers = issuanceContextIn(error);
    if (leftovers !== undefined) recordLeftovers(bundle, leftovers, caHost);
    if (isIssuanceCancelled(error)) {
      if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('the bundle is stopped');
      // An outdated order is replaced at once. An order that a person cancelled has failed.
      if (attempts.outdated) return NOW;
    }
    return await recordFailure(bundle, view, scheduled, failureIn(error), caHost, leftovers);
  }
}

/** A renewal needs neither the finalizer nor the request's latest spec: an evaluation soon writes them again. */
function recordObjectWrite(bundle: Bundle, failure: FailureInfo | undefined): void {
  const { objectWriteError: previous } = bundle.record;
  if (failure === undefined) {
    if (previous !== undefined) bundle.learn({ objectWriteError: undefined });
    return;
  }
  const objectWriteError = scheduleRetry(failure, Date.now(), `${bundle.jitterKey}/objects`, previous);
  log.warn('The finalizer or the CertificateRequest could not be written', {
    bundle: bundle.name,
    ...objectWriteError,
  });
  bundle.learn({ objectWriteError });
}

async function pause(bundle: Bundle, gate: Exclude<Gate, { readonly kind: 'serve' }>): Promise<Wake> {
  if (gate.kind === 'decommission') return ON_CHANGE;
  const { reason, message } = gate;
  bundle.attempts.finish('failed');
  const { record } = bundle;
  const lastAttempt = lastAttemptOf(record);
  const releasesTurn = record.state !== 'Paused' && waitsForTurn(record);
  const givesUp = releasesTurn && patched(TURN_GIVEN_UP);
  const remembered = givesUp ? lastAttempt && withoutTurn(lastAttempt) : lastAttempt;
  bundle.enter({ state: 'Paused', lastAttempt: remembered, gate: reason }, { message, objectWriteError: undefined });
  if (!isRelocating(gate)) await bundle.showPaused({ type: 'Normal', reason, message }, releasesTurn);
  else {
    bundle.cluster.publishSearchAttributes();
    if (givesUp) await giveUpTurn(bundle);
  }
  return ON_CHANGE;
}

async function waitForRenewal(
  bundle: Bundle,
  { until, certificate, message, postponement }: Extract<NextAction, { readonly kind: 'sleep' }>,
  before: Postponement | undefined,
  reported: string | undefined,
): Promise<Wake> {
  const renewalTime = new Date(until).toISOString();
  const { objectWriteError } = bundle.record;
  await bundle.transition(
    { state: 'Ready', certificate, renewalTime },
    { message: readyMessage(certificate, renewalTime, message, bundle.record.fallback), postponement },
    objectWriteError === undefined
      ? newPostponementEvent(postponement, before)
      : { type: 'Warning', reason: 'ObjectWriteFailed', message: objectWriteMessage(objectWriteError) },
    reported,
  );
  return readyWake(bundle.record, until);
}
