/** The end of a bundle or a whole cluster: revoke, then delete the Secret, then the request, then let Hive go on. */
import { condition } from '@temporalio/workflow';
import type { StatusReport } from '../../src/certificates/status-report.ts';
import { zoneTargetOf } from '../../src/clusters/cluster-view.ts';
import type { RevocationEntry } from '../../src/contract/activities.ts';
import type { BundleDecommissionResult, DecommissionStarted } from '../../src/contract/bundle-record.ts';
import type { DecommissionResult } from '../../src/contract/cluster-certificates.ts';
import type { FailureInfo } from '../../src/failures/failure.ts';
import {
  decommissionRules,
  removeBundle,
  removeFinalizer,
  revokeCertificates,
  withdrawTxtRecords,
} from '../activities.ts';
import { NO_FAILURE } from './bundle-records.ts';
import type { ClusterState } from './cluster-state.ts';
import { Aborted, ContinueAsNewDue, isAborted, type RetryOptions, retryUntil } from './retry-until.ts';
import { reportBundle, reportWhenSlow } from './status-reporting.ts';

/** RFC 5280 §5.3.1: the cluster these certificates were for operates no more. */
const CESSATION_OF_OPERATION = 5;

/**
 * A fault that lasts longer is told on the resource and goes by the retry schedule: nobody should wait for ten minutes to
 * learn what holds the end up.
 */
const STEP_TIMEOUT = '1 minute';

/**
 * Ends every bundle, then takes the finalizer off the ClusterDeployment.
 * @returns undefined when the run has grown long and the end is to go on in a fresh one.
 */
export async function decommission(cluster: ClusterState): Promise<DecommissionResult | undefined> {
  if (cluster.allBundles().length === 0) cluster.publishSearchAttributes();
  const started = cluster.decommissionStarted ?? (await newDecommission());
  cluster.startDecommission(started);
  try {
    const bundles = await decommissionBundles(cluster, started);
    const { identity } = cluster.view;
    const left = bundles.flatMap((ledger) => ledger.failures ?? []);
    const persistence: RetryOptions = { deadline: Number.POSITIVE_INFINITY, required: true };
    const { value: finalizer, failure: problem } = await retryUntil(cluster, persistence, () =>
      cluster.finalizerAttempts.run(() =>
        removeFinalizer.executeWithOptions({ summary: `remove the finalizer of ${cluster.name}` }, [identity, left]),
      ),
    );
    const told = finalizer === undefined ? {} : { finalizer };
    return { cluster: identity, bundles, finalizerRemoved: problem === undefined && finalizer !== 'kept', ...told };
  } catch (error) {
    if (error instanceof ContinueAsNewDue) return undefined;
    throw error;
  }
}

/** The end of a bundle that the ClusterDeployment no longer asks for, while the cluster lives on and is served. */
export async function decommissionRemovedBundle(cluster: ClusterState, name: string): Promise<void> {
  const gate = cluster.gate();
  if (gate.kind !== 'serve') return await waitForChange(cluster, name, gate.message);
  const started = cluster.record(name).decommissionStarted ?? (await newDecommission());
  if (isAborted(cluster, name)) return;
  cluster.update(name, { decommissionStarted: started });
  try {
    const { failures: problems = [] } = await decommissionBundle(cluster, name, started);
    // No ledger of the cluster will tell of it: the record goes with the bundle.
    for (const problem of problems) await reportBundle(cluster, name, incompleteEvent(problem));
  } catch (error) {
    if (error instanceof Aborted) return;
    throw error;
  }
  // Where it has been asked for again meanwhile, its service goes on from what is known of it.
  if (cluster.bundle(name) === undefined) cluster.forget(name);
}

/** Hands off: what has begun is said to be held, what has not is left as it is. */
async function waitForChange(cluster: ClusterState, name: string, why: string): Promise<void> {
  const seen = cluster.changeCount(name);
  cluster.loops.setSleeping(name, true);
  if (cluster.record(name).decommissionStarted !== undefined)
    cluster.update(name, { message: why, nextAttempt: undefined });
  await condition(() => cluster.changeCount(name) !== seen);
}

/**
 * A bundle that is asked for again after its end had begun: its certificate counts as revoked, for nobody knows how far that
 * end came, and its orders may have been revoked as well, so that none of them is gone on with.
 */
export function reinstateBundle(cluster: ClusterState, name: string): void {
  const { decommissionStarted: ending, decommissionResult: ended, certificate } = cluster.record(name);
  const begun = ending !== undefined || ended !== undefined;
  if (!begun) return;
  cluster.update(name, {
    state: 'Pending',
    message: 'Asked for again after its end had begun: what may be revoked is replaced.',
    decommissionStarted: undefined,
    decommissionResult: undefined,
    revokedSerialNumber: certificate?.serialNumber,
    ...NO_FAILURE,
  });
}

function incompleteEvent({ message }: FailureInfo): StatusReport['event'] {
  return {
    type: 'Warning',
    reason: 'DecommissionIncomplete',
    message: `The bundle is given up although this could not be done: ${message}`,
  };
}

/** By which rules the end that begins now goes, as the worker is configured. */
async function newDecommission(): Promise<DecommissionStarted> {
  return { ...(await decommissionRules()), since: new Date(Date.now()).toISOString() };
}

/** All at once; a run is suspended only when each has come to a rest. */
async function decommissionBundles(
  cluster: ClusterState,
  started: DecommissionStarted,
): Promise<readonly BundleDecommissionResult[]> {
  const ends = await Promise.allSettled(
    cluster
      .allBundles()
      .map(
        async (name) => cluster.record(name).decommissionResult ?? (await decommissionBundle(cluster, name, started)),
      ),
  );
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []));
}

async function decommissionBundle(
  cluster: ClusterState,
  name: string,
  started: DecommissionStarted,
): Promise<BundleDecommissionResult> {
  // A request that stands alone is its user's to delete; it goes once its finalizer is released.
  const belongings = cluster.resourceKind === 'CertificateRequest' ? '' : ' and its CertificateRequest';
  cluster.update(name, {
    state: 'Decommissioning',
    message: `Revoking its certificates, then deleting its Secret${belongings}.`,
    failure: undefined,
    nextAttempt: undefined,
    renewalTime: undefined,
  });
  cluster.publishSearchAttributes();
  const record = cluster.record(name);
  const { identity, relocation } = cluster.view;
  const problems: FailureInfo[] = [];
  const persistence = (): RetryOptions => ({ bundleName: name, deadline: deadlineOf(started) });

  let revocations: readonly RevocationEntry[] = [];
  if (relocation !== 'outgoing') {
    const { value, failure: problem } = await reportWhenSlow(cluster, name, () =>
      retryUntil(cluster, persistence(), () =>
        revokeCertificates.executeWithOptions({ summary: `revoke the certificates of ${name}` }, [
          {
            namespace: identity.namespace,
            secretName: record.secretName,
            requestName: record.requestName,
            issued: record.issued,
            ...(record.unclaimedOrders === undefined ? {} : { orders: record.unclaimedOrders }),
            reason: CESSATION_OF_OPERATION,
          },
        ]),
      ),
    );
    revocations = value ?? [];
    if (problem !== undefined) problems.push(problem);
  }

  const left = record.leftoverRecords ?? [];
  if (left.length > 0) {
    const { failure: problem } = await retryUntil(cluster, persistence(), () =>
      withdrawTxtRecords.executeWithOptions(
        { summary: `withdraw ${left.length} leftover TXT records`, scheduleToCloseTimeout: STEP_TIMEOUT },
        [{ zone: zoneTargetOf(cluster.view), records: left }],
      ),
    );
    if (problem !== undefined) problems.push(problem);
  }

  const { value: removal, failure: problem } = await retryUntil(cluster, persistence(), () =>
    removeBundle.executeWithOptions(
      {
        summary: `delete Secret ${record.secretName}${belongings}`,
        scheduleToCloseTimeout: STEP_TIMEOUT,
      },
      [{ cluster: identity, bundleName: name, secretName: record.secretName, requestName: record.requestName }],
    ),
  );
  if (problem !== undefined) problems.push(problem);
  const ledger: BundleDecommissionResult = {
    bundleName: name,
    revocations,
    removed: removal?.removed ?? [],
    ...(problems[0] === undefined ? {} : { failure: problems[0], failures: problems }),
  };
  const given = problems.map(({ message }) => message).join(' ');
  cluster.update(name, {
    decommissionResult: ledger,
    message: problems.length === 0 ? 'Cleared away.' : `Given up: ${given}`,
    failure: problems[0],
    nextAttempt: undefined,
  });
  return ledger;
}

/** Epoch milliseconds; infinite where the end waits until all is done. */
function deadlineOf(started: DecommissionStarted): number {
  return started.policy === 'wait' ? Number.POSITIVE_INFINITY : Date.parse(started.since) + started.limitMs;
}
