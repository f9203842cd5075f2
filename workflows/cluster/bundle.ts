/** One bundle's life while its cluster is served: look, order when something is due, sleep until the exact instant. */
import { CancellationScope, CancelledFailure, condition, executeChild, ParentClosePolicy } from '@temporalio/workflow';
import type { RequestObservation } from '../../activities/contract.ts';
import { nameSetDigest } from '../../src/certificates/name-set.ts';
import { plannedRenewal } from '../../src/certificates/planned-renewal.ts';
import { type NextAction, nextAction } from '../../src/certificates/renewal-policy.ts';
import { nextAttemptAt } from '../../src/certificates/retry-schedule.ts';
import { failureSentence } from '../../src/certificates/status-wording.ts';
import type { BundleView } from '../../src/clusters/cluster-view.ts';
import { type FailureInfo, stanceOf } from '../../src/failures/failure.ts';
import { applyCertificateRequest } from '../activities.ts';
import { certificateIssuance, describeNames } from '../certificate-issuance.ts';
import {
  CertCluster,
  type CertificateIssuanceResult,
  CertNameSet,
  CertNames,
  type IssuanceFailureContext,
  issuanceWorkflowId,
} from '../contract.ts';
import { failureIn, issuanceContextIn, wasCutShort } from '../failures.ts';
import type { ClusterState } from './cluster-state.ts';
import { report, reportWhenSlow } from './reporting.ts';

/** Each is a certificate that nobody has the key of any more; the newest matter most. */
const MOST_UNCLAIMED = 20;

/** Serves until the bundle is no longer wanted or the cluster's end begins (then this scope is cancelled). */
export async function serveBundle(cluster: ClusterState, name: string): Promise<void> {
  let seen = cluster.changesOf(name);
  let until = restingUntil(cluster, name);
  for (;;) {
    if (until === undefined || until > Date.now()) await rest(cluster, name, seen, until);
    const bundle = cluster.bundle(name);
    if (bundle === undefined || cluster.ending) return;
    seen = cluster.changesOf(name);
    until = await look(cluster, bundle);
  }
}

/** A run that continues an earlier one goes back to sleep without looking; a new one looks at once (0). */
function restingUntil(cluster: ClusterState, name: string): number | undefined {
  const { renewalTime, nextAttempt } = cluster.record(name);
  const wake = nextAttempt ?? renewalTime;
  return wake === undefined ? 0 : Date.parse(wake);
}

/** Sleeps until the instant, or for ever when there is none, or until something unseen happens. */
async function rest(cluster: ClusterState, name: string, seen: number, until: number | undefined): Promise<void> {
  const awake = () => cluster.changesOf(name) !== seen;
  if (awake()) return;
  cluster.rest(name, true);
  try {
    if (until === undefined) await condition(awake);
    else await condition(awake, Math.max(1, until - Date.now()), { summary: restSummary(cluster, name, until) });
  } finally {
    cluster.rest(name, false);
  }
}

function restSummary(cluster: ClusterState, name: string, until: number): string {
  const record = cluster.record(name);
  const at = new Date(until).toISOString();
  return record.nextAttempt === undefined ? `${name}: renew at ${at}` : `${name}: try again at ${at}`;
}

/** One look: what is there, what does it need, do it. @returns when to look again; undefined: only when something changes. */
async function look(cluster: ClusterState, bundle: BundleView): Promise<number | undefined> {
  const gate = cluster.gate();
  if (gate.kind !== 'serve') return await holdOff(cluster, bundle);
  try {
    const told = cluster.record(bundle.name).failure?.notBefore;
    if (told !== undefined && Date.parse(told) > Date.now() && !namesChanged(cluster, bundle)) {
      cluster.declineRenewal(bundle.name);
      return await waitAsTold(cluster, bundle, Date.parse(told));
    }

    const observation = await applyCertificateRequest({ cluster: cluster.view, bundle });
    if (bundle.names.kind === 'invalid') {
      return await fail(cluster, bundle, {
        code: bundle.names.code,
        message: bundle.names.message,
        stance: stanceOf(bundle.names.code),
        next: 'Correct the names in the ClusterDeployment; it goes on by itself then.',
      });
    }
    const { dnsNames } = bundle.names;
    const secret = observation.secret;
    cluster.update(bundle.name, {
      certificate: secret.kind === 'valid' ? secret.certificate : undefined,
      dnsNames,
      secretName: bundle.secretName,
    });
    const action: NextAction = cluster.takeRenewalRequest(bundle.name)
      ? { kind: 'order', reason: 'RenewRequested', message: 'An operator asked for it.' }
      : nextAction({
          secret,
          dnsNames,
          ...renewBefore(observation),
          spreadKey: spreadKey(observation),
          now: Date.now(),
        });
    switch (action.kind) {
      case 'sleep':
        return await settle(cluster, bundle, action.until);
      case 'order':
        return await issue(cluster, bundle, observation, action.message);
    }
  } catch (error) {
    const left = issuanceContextIn(error);
    rememberLeft(cluster, bundle.name, left);
    if (wasCutShort(error)) {
      // Cut short because what it was for has changed: look again at once. Otherwise the cluster's end has begun.
      if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('the bundle is no longer served');
      return 0;
    }
    return await fail(cluster, bundle, failureIn(error), left);
  }
}

/** Whatever becomes of the bundle, it is cleared away at the end. */
function rememberLeft(cluster: ClusterState, name: string, left: IssuanceFailureContext): void {
  const { leftRecords, unclaimedOrder } = left;
  if (leftRecords !== undefined) cluster.update(name, { leftRecords });
  if (unclaimedOrder === undefined) return;
  const others = (cluster.record(name).unclaimedOrders ?? []).filter((order) => order !== unclaimedOrder);
  cluster.update(name, { unclaimedOrders: [...others, unclaimedOrder].slice(-MOST_UNCLAIMED) });
}

/** An instant was named before which trying is useless. A bundle that was paused meanwhile says again what it waits for. */
async function waitAsTold(cluster: ClusterState, bundle: BundleView, until: number): Promise<number> {
  const { state, failure, failedAttempts } = cluster.record(bundle.name);
  if (state !== 'Paused' || failure === undefined) return until;
  const nextAttempt = new Date(until).toISOString();
  cluster.update(bundle.name, {
    state: failure.stance === 'whenChanged' ? 'Waiting' : 'Failing',
    message: failureSentence(failure, failedAttempts, nextAttempt),
    nextAttempt,
  });
  cluster.publishAttributes();
  await report(cluster, bundle.name);
  return until;
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
  cluster.takeRenewalRequest(bundle.name);
  cluster.attemptEnded(bundle.name, 'failed');
  cluster.publishAttributes();
  // Hands off means off: another hub writes these resources now.
  if (gate.reason !== 'RelocatingOut') {
    await report(cluster, bundle.name, { type: 'Normal', reason: gate.reason, message: gate.message });
  }
}

/** The certificate in the Secret is good: sleep until it is due. */
async function settle(cluster: ClusterState, bundle: BundleView, until: number): Promise<number> {
  const certificate = cluster.record(bundle.name).certificate;
  const renewalTime = new Date(until).toISOString();
  cluster.update(bundle.name, {
    state: 'Ready',
    message: `Valid until ${certificate?.notAfter}; renews at ${renewalTime}.`,
    renewalTime,
    failure: undefined,
    failedAttempts: 0,
    nextAttempt: undefined,
    openOrder: undefined,
  });
  cluster.publishAttributes();
  await report(cluster, bundle.name);
  return until;
}

async function issue(
  cluster: ClusterState,
  bundle: BundleView,
  observation: RequestObservation,
  reason: string,
): Promise<number> {
  if (bundle.names.kind === 'invalid') throw new TypeError('names were checked before');
  const { dnsNames, commonName } = bundle.names;
  const before = cluster.record(bundle.name);
  const renewing = before.certificate !== undefined;
  const attempt = before.orders + 1;
  cluster.update(bundle.name, {
    state: renewing ? 'Renewing' : 'Issuing',
    message: `Ordering ${describeNames(dnsNames)}: ${reason}`,
    orders: attempt,
    nextAttempt: undefined,
  });
  const { identity, zoneName, platform } = cluster.view;
  const result = await cluster.whileIssuing(bundle, () =>
    reportWhenSlow(cluster, bundle.name, () =>
      executeChild(certificateIssuance, {
        workflowId: issuanceWorkflowId(identity, bundle.name, attempt),
        staticSummary: `${renewing ? 'Renew' : 'Issue'} ${describeNames(dnsNames)}`,
        typedSearchAttributes: [
          { key: CertCluster, value: cluster.name },
          { key: CertNames, value: dnsNames.slice(0, 10) },
          { key: CertNameSet, value: nameSetDigest(dnsNames) },
        ],
        // An operator who terminates the cluster's workflow must not leave TXT records behind.
        parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
        args: [
          {
            cluster: identity,
            bundleName: bundle.name,
            request: observation.request,
            secretName: bundle.secretName,
            dnsNames,
            ...(commonName === undefined ? {} : { commonName }),
            zone: { namespace: identity.namespace, clusterName: identity.name, zoneName, platform },
            reason,
            ...(before.openOrder === undefined ? {} : { resumeOrder: before.openOrder }),
            ...(before.leftRecords === undefined ? {} : { leftRecords: before.leftRecords }),
          },
        ],
      }),
    ),
  );
  return await succeed(cluster, bundle, observation, result, renewing);
}

async function succeed(
  cluster: ClusterState,
  bundle: BundleView,
  observation: RequestObservation,
  result: CertificateIssuanceResult,
  renewed: boolean,
): Promise<number> {
  const { certificate, issued } = result;
  const now = Date.now();
  const until = plannedRenewal(certificate, {
    ...renewBefore(observation),
    spreadKey: spreadKey(observation),
    now,
  }).at;
  const renewalTime = new Date(until).toISOString();
  const others = (cluster.record(bundle.name).unclaimedOrders ?? []).filter((order) => order !== result.orderUrl);
  const stillValid = cluster.record(bundle.name).issued.filter((one) => Date.parse(one.notAfter) > now);
  cluster.update(bundle.name, {
    state: 'Ready',
    message: `Valid until ${certificate.notAfter}; renews at ${renewalTime}.`,
    certificate,
    renewalTime,
    failure: undefined,
    failedAttempts: 0,
    nextAttempt: undefined,
    openOrder: undefined,
    leftRecords: result.leftRecords,
    issued: [...stillValid, issued],
    unclaimedOrders: others.length === 0 ? undefined : others,
  });
  cluster.publishAttributes();
  cluster.attemptEnded(bundle.name, 'issued');
  if (renewed) cluster.renewalFinished();
  await report(cluster, bundle.name, {
    type: 'Normal',
    reason: renewed ? 'Renewed' : 'Issued',
    message: `Certificate ${certificate.serialNumber} by ${certificate.issuerName} for ${describeNames(certificate.dnsNames)} is in Secret ${bundle.secretName}, valid until ${certificate.notAfter}.`,
  });
  return until;
}

/** Records a failure, tells it, and says when it is tried again. */
async function fail(
  cluster: ClusterState,
  bundle: BundleView,
  failure: FailureInfo,
  left: IssuanceFailureContext = {},
): Promise<number> {
  const before = cluster.record(bundle.name);
  // Counted until a success, whatever fails: two faults in turn must not start the schedule anew each time.
  const failedAttempts = before.failedAttempts + 1;
  const until = nextAttemptAt(failure, failedAttempts, Date.now());
  const nextAttempt = new Date(until).toISOString();
  cluster.update(bundle.name, {
    state: failure.stance === 'whenChanged' ? 'Waiting' : 'Failing',
    message: failureSentence(failure, failedAttempts, nextAttempt),
    dnsNames: bundle.names.kind === 'valid' ? bundle.names.dnsNames : [],
    secretName: bundle.secretName,
    failure,
    failedAttempts,
    nextAttempt,
    openOrder: left.openOrder,
  });
  cluster.takeRenewalRequest(bundle.name);
  cluster.attemptEnded(bundle.name, 'failed');
  cluster.publishAttributes();
  await report(cluster, bundle.name, { type: 'Warning', reason: 'Failing', message: failure.message });
  return until;
}

function namesChanged(cluster: ClusterState, bundle: BundleView): boolean {
  const known = cluster.record(bundle.name).dnsNames.join(' ');
  return bundle.names.kind === 'valid' && bundle.names.dnsNames.join(' ') !== known;
}

function renewBefore(observation: RequestObservation): { readonly renewBeforeDays?: number } {
  return observation.renewBeforeDays === undefined ? {} : { renewBeforeDays: observation.renewBeforeDays };
}

/** The same for a request as long as it lives, another for each: spreads the renewals of a fleet. */
function spreadKey(observation: RequestObservation): string {
  return `${observation.request.namespace}/${observation.request.name}`;
}
