/** The decommission of one bundle: revoke its certificates, withdraw leftover TXT records, delete its objects. */

import { patched } from '@temporalio/workflow';
import { uniqueRecords } from '../../src/certificates/dns-name.ts';
import type { ScheduledRetry } from '../../src/certificates/scheduled-retry.ts';
import { blockedMessage, failureMessage } from '../../src/certificates/status-messages.ts';
import { isUsedElsewhere } from '../../src/clusters/gate.ts';
import { zoneTargetOf } from '../../src/clusters/zone-target.ts';
import {
  type BundleDecommissionResult,
  type BundleDecommissionStarted,
  type BundleRecord,
  type DecommissionStarted,
  waitsForTurn,
} from '../../src/contract/bundle-record.ts';
import { knownCertificates } from '../../src/contract/known-certificates.ts';
import { PERSISTENT_RECORDS } from '../../src/contract/patches.ts';
import { counted } from '../../src/failures/counted.ts';
import type { FailureInfo } from '../../src/failures/failure.ts';
import { decommissionRules, removeBundle, revokeCertificates, withdrawTxtRecords } from '../activities.ts';
import type { Bundle, StatusEvent } from './bundle.ts';
import { type RetryOptions, retryUntil } from './retry-until.ts';

/** RFC 5280 §5.3.1: the cluster of these certificates operates no more. */
const CESSATION_OF_OPERATION = 5;

/** The rules of a decommission that starts now, as the worker is configured. @returns undefined as `retryUntil`. */
export async function startDecommission(options: RetryOptions): Promise<DecommissionStarted | undefined> {
  const outcome = await retryUntil(options, () => decommissionRules());
  if (outcome?.kind !== 'done') return undefined;
  return { ...outcome.value, since: new Date(Date.now()).toISOString() };
}

/** Why a decommission has not started, and when that is tried again. */
export function notStartedMessage({ failure, attempts, nextAttempt }: ScheduledRetry): string {
  return `The decommission has not started yet. ${failureMessage(failure, attempts, nextAttempt)}`;
}

/** Decommissions a bundle that its cluster does not want any more. @returns whether it is done. */
export async function decommissionRemovedBundle(bundle: Bundle): Promise<boolean> {
  const gate = bundle.cluster.gate();
  if (gate.kind !== 'serve') {
    await waitForGate(bundle, gate.message);
    return false;
  }
  const { record } = bundle;
  const started = record.state === 'Decommissioning' ? record.started : await startBundleDecommission(bundle);
  if (started === undefined || isAborted(bundle)) return false;
  const result = await decommissionBundle(bundle, started);
  if (result === undefined) return false;
  // The record is removed with the bundle: its failures are reported nowhere else.
  for (const failure of result.failures) await bundle.show(incompleteEvent(failure));
  return true;
}

async function startBundleDecommission(bundle: Bundle): Promise<DecommissionStarted | undefined> {
  const { cluster, name, changes } = bundle;
  return await startDecommission({
    cluster,
    name,
    changes,
    bundle,
    isAborted: () => isAborted(bundle),
    onBlocked: async (blocked) => {
      bundle.learn({ message: notStartedMessage(blocked) });
      await bundle.show(blockedEvent(blocked.failure));
    },
  });
}

async function waitForGate(bundle: Bundle, message: string): Promise<void> {
  const { record, changes } = bundle;
  const seen = changes.count;
  if (record.state === 'Decommissioning') {
    const { started, blocked, result } = record;
    bundle.enter(
      { state: 'Decommissioning', started, blocked: blocked && { ...blocked, nextAttempt: undefined }, result },
      { message },
    );
  }
  await changes.sleep(seen);
}

/** @returns undefined when it was interrupted. A bundle that was decommissioned before keeps its result. */
export async function decommissionBundle(
  bundle: Bundle,
  startedWith: DecommissionStarted,
): Promise<BundleDecommissionResult | undefined> {
  const { record, cluster } = bundle;
  if (record.state === 'Decommissioning' && record.result !== undefined) return record.result;
  // Also for a later run, which does not see the failure of the order any more.
  const started = waitsForTurn(record) ? { ...startedWith, waitsForTurn: true as const } : startedWith;
  const what = isUsedElsewhere(cluster.view) ? 'Deleting' : 'Revoking its certificates, then deleting';
  bundle.enter({ state: 'Decommissioning', started }, { message: `${what} ${objectsOf(bundle)}.` });
  cluster.publishSearchAttributes();
  let done: Done = { revocations: [], removed: [] };
  const failures: FailureInfo[] = [];
  const options = retryOptions(bundle, started);
  for (const { run, isSlow } of stepsOf(bundle, record)) {
    const attempt = () => retryUntil(options, run);
    const outcome = await (isSlow ? bundle.showIfSlow(attempt) : attempt());
    if (outcome === undefined) return undefined;
    if (outcome.kind === 'failed') failures.push(outcome.failure);
    else done = { ...done, ...outcome.value };
  }
  const result: BundleDecommissionResult = {
    bundleName: bundle.name,
    ...done,
    certificates: knownCertificates(record),
    failures,
  };
  const message =
    failures.length === 0 ? 'Decommissioned.' : `Given up: ${failures.map((failure) => failure.message).join(' ')}`;
  bundle.enter({ state: 'Decommissioning', started, result }, { message });
  return result;
}

type Done = Pick<BundleDecommissionResult, 'revocations' | 'removed'>;

interface Step {
  /** Returns what it did, for the result. */
  readonly run: () => Promise<Partial<Done>>;
  /** Its status is written while it runs. */
  readonly isSlow?: true;
}

/** In order; each is tried even if the one before was given up. */
function stepsOf(bundle: Bundle, record: BundleRecord): readonly Step[] {
  const { cluster, name } = bundle;
  const { identity } = cluster.view;
  const {
    secretName,
    requestName,
    requestUid,
    issued,
    unclaimedOrders: orders,
    leftoverRecords = [],
    persistentRecords = [],
  } = record;
  // A cluster that was moved lives on, and so do its records: another certman uses the same ones.
  const removesPersistent =
    persistentRecords.length > 0 && !isUsedElsewhere(cluster.view) && patched(PERSISTENT_RECORDS);
  const records = removesPersistent ? uniqueRecords([...leftoverRecords, ...persistentRecords]) : leftoverRecords;
  const owned = { cluster: identity, bundleName: name, secretName, requestName, requestUid };
  const revoke: Step = {
    isSlow: true,
    run: async () => {
      const revocations = await revokeCertificates.executeWithOptions(
        { summary: `revoke the certificates of ${name}` },
        [{ ...owned, issued, orders, reason: CESSATION_OF_OPERATION }],
      );
      return { revocations };
    },
  };
  const withdraw: Step = {
    run: async () => {
      await withdrawTxtRecords.executeWithOptions(
        {
          summary: `withdraw ${counted(records.length, `${removesPersistent ? '' : 'leftover '}TXT record`)}`,
          scheduleToCloseTimeout: '1 minute',
        },
        [{ cluster: identity, zone: zoneTargetOf(cluster.view), records }],
      );
      return {};
    },
  };
  const remove: Step = {
    run: () =>
      removeBundle.executeWithOptions({ summary: `delete ${objectsOf(bundle)}` }, [
        { ...owned, waitsForTurn: waitsForTurn(record) ? true : undefined },
      ]),
  };
  return [...(isUsedElsewhere(cluster.view) ? [] : [revoke]), ...(records.length === 0 ? [] : [withdraw]), remove];
}

function retryOptions(bundle: Bundle, started: BundleDecommissionStarted): RetryOptions {
  const { cluster, name, changes } = bundle;
  const deadline = started.policy === 'wait' ? Number.POSITIVE_INFINITY : Date.parse(started.since) + started.limitMs;
  return {
    cluster,
    name,
    changes,
    bundle,
    deadline,
    isAborted: () => isAborted(bundle),
    isReleased: () => cluster.released || bundle.released,
    onBlocked: async (blocked) => {
      const { failure, attempts, nextAttempt } = blocked;
      const of = cluster.decommissioning ? 'cluster' : 'bundle';
      const message = blockedMessage(failure, attempts, nextAttempt, { of, deadline });
      await bundle.transition({ state: 'Decommissioning', started, blocked }, { message }, blockedEvent(failure));
    },
  };
}

/** Whether a bundle of a cluster that is not decommissioned is wanted again, or a gate is closed. */
function isAborted({ cluster, wanted }: Bundle): boolean {
  return !cluster.stopping && (wanted !== undefined || cluster.gate().kind !== 'serve');
}

/** A standalone request is deleted by its user; it is gone once its finalizer is removed. */
function objectsOf({ cluster, record }: Bundle): string {
  const request = cluster.resourceKind === 'CertificateRequest' ? '' : ' and its CertificateRequest';
  return `Secret ${record.secretName}${request}`;
}

/** Event of a step that is retried. */
export function blockedEvent({ message }: FailureInfo): StatusEvent {
  return { type: 'Warning', reason: 'DecommissionBlocked', message };
}

function incompleteEvent({ message }: FailureInfo): StatusEvent {
  return {
    type: 'Warning',
    reason: 'DecommissionIncomplete',
    message: `The decommission is complete, but this could not be done: ${message}`,
  };
}
