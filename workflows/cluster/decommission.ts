/** The end of a bundle or a whole cluster: revoke, then delete the Secret, then the request, then let Hive go on. */
import { condition } from '@temporalio/workflow';
import type { RevocationEntry } from '../../activities/contract.ts';
import type { StatusReport } from '../../src/certificates/status-report.ts';
import type { FailureInfo } from '../../src/failures/failure.ts';
import {
  decommissionRules,
  releaseCluster,
  removeBundle,
  revokeCertificates,
  withdrawTxtRecords,
} from '../activities.ts';
import type { BundleLedger, DecommissionLedger, DecommissionStarted } from '../contract.ts';
import { NOTHING_FAILED } from './bundle-records.ts';
import type { ClusterState } from './cluster-state.ts';
import { CalledOff, isCalledOff, keepTrying, type Persistence, Suspended } from './keep-trying.ts';
import { report, reportWhenSlow } from './reporting.ts';
import { zoneOf } from './zone.ts';

/** RFC 5280 §5.3.1: the cluster these certificates were for operates no more. */
const CESSATION_OF_OPERATION = 5;

/**
 * A fault that lasts longer is told on the resource and goes by the retry schedule: nobody should wait for ten minutes to
 * learn what holds the end up.
 */
const SHORT_PATIENCE = '1 minute';

/**
 * Ends every bundle, then takes the finalizer off the ClusterDeployment.
 * @returns undefined when the run has grown long and the end is to go on in a fresh one.
 */
export async function decommission(cluster: ClusterState): Promise<DecommissionLedger | undefined> {
  if (cluster.knownBundles().length === 0) cluster.publishAttributes();
  const started = cluster.endingStarted ?? (await begin());
  cluster.startEnding(started);
  try {
    const bundles = await endBundles(cluster, started);
    const { identity } = cluster.view;
    const left = bundles.flatMap((ledger) => ledger.problems ?? []);
    const persistence: Persistence = { deadline: Number.POSITIVE_INFINITY, indispensable: true };
    const { value: finalizer, problem } = await keepTrying(cluster, persistence, () =>
      cluster.finalizerTries.during(() =>
        releaseCluster.executeWithOptions({ summary: `release the finalizer of ${cluster.name}` }, [identity, left]),
      ),
    );
    const told = finalizer === undefined ? {} : { finalizer };
    return { cluster: identity, bundles, finalizerReleased: problem === undefined && finalizer !== 'kept', ...told };
  } catch (error) {
    if (error instanceof Suspended) return undefined;
    throw error;
  }
}

/** The end of a bundle that the ClusterDeployment no longer asks for, while the cluster lives on and is served. */
export async function retireBundle(cluster: ClusterState, name: string): Promise<void> {
  const gate = cluster.gate();
  if (gate.kind !== 'serve') return await untilChanged(cluster, name, gate.message);
  const started = cluster.record(name).ending ?? (await begin());
  if (isCalledOff(cluster, name)) return;
  cluster.update(name, { ending: started });
  try {
    const { problems = [] } = await endBundle(cluster, name, started);
    // No ledger of the cluster will tell of it: the record goes with the bundle.
    for (const problem of problems) await report(cluster, name, leftUndone(problem));
  } catch (error) {
    if (error instanceof CalledOff) return;
    throw error;
  }
  // Where it has been asked for again meanwhile, its service goes on from what is known of it.
  if (cluster.bundle(name) === undefined) cluster.forget(name);
}

/** Hands off: what has begun is said to be held, what has not is left as it is. */
async function untilChanged(cluster: ClusterState, name: string, why: string): Promise<void> {
  const seen = cluster.changesOf(name);
  cluster.services.rest(name, true);
  if (cluster.record(name).ending !== undefined) cluster.update(name, { message: why, nextAttempt: undefined });
  await condition(() => cluster.changesOf(name) !== seen);
}

/**
 * A bundle that is asked for again after its end had begun: its certificate counts as revoked, for nobody knows how far that
 * end came, and its orders may have been revoked as well, so that none of them is gone on with.
 */
export function takeUpAgain(cluster: ClusterState, name: string): void {
  const { ending, ended, certificate } = cluster.record(name);
  const begun = ending !== undefined || ended !== undefined;
  if (!begun) return;
  cluster.update(name, {
    state: 'Pending',
    message: 'Asked for again after its end had begun: what may be revoked is replaced.',
    ending: undefined,
    ended: undefined,
    revoked: certificate?.serialNumber,
    ...NOTHING_FAILED,
  });
}

function leftUndone({ message }: FailureInfo): StatusReport['event'] {
  return {
    type: 'Warning',
    reason: 'DecommissionIncomplete',
    message: `The bundle is given up although this could not be done: ${message}`,
  };
}

/** By which rules the end that begins now goes, as the worker is configured. */
async function begin(): Promise<DecommissionStarted> {
  return { ...(await decommissionRules()), since: new Date(Date.now()).toISOString() };
}

/** All at once; a run is suspended only when each has come to a rest. */
async function endBundles(cluster: ClusterState, started: DecommissionStarted): Promise<readonly BundleLedger[]> {
  const ends = await Promise.allSettled(
    cluster.knownBundles().map(async (name) => cluster.record(name).ended ?? (await endBundle(cluster, name, started))),
  );
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  return ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []));
}

async function endBundle(cluster: ClusterState, name: string, started: DecommissionStarted): Promise<BundleLedger> {
  // A request that stands alone is its user's to delete; it goes once its finalizer is released.
  const belongings = cluster.servedKind === 'CertificateRequest' ? '' : ' and its CertificateRequest';
  cluster.update(name, {
    state: 'Decommissioning',
    message: `Revoking its certificates, then deleting its Secret${belongings}.`,
    failure: undefined,
    nextAttempt: undefined,
    renewalTime: undefined,
  });
  cluster.publishAttributes();
  const record = cluster.record(name);
  const { identity, relocation } = cluster.view;
  const problems: FailureInfo[] = [];
  const persistence = (): Persistence => ({ bundleName: name, deadline: deadlineOf(started) });

  let revocations: readonly RevocationEntry[] = [];
  if (relocation !== 'outgoing') {
    const { value, problem } = await reportWhenSlow(cluster, name, () =>
      keepTrying(cluster, persistence(), () =>
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

  const left = record.leftRecords ?? [];
  if (left.length > 0) {
    const { problem } = await keepTrying(cluster, persistence(), () =>
      withdrawTxtRecords.executeWithOptions(
        { summary: `withdraw ${left.length} TXT records left earlier`, scheduleToCloseTimeout: SHORT_PATIENCE },
        [{ zone: zoneOf(cluster.view), records: left }],
      ),
    );
    if (problem !== undefined) problems.push(problem);
  }

  const { value: removal, problem } = await keepTrying(cluster, persistence(), () =>
    removeBundle.executeWithOptions(
      {
        summary: `delete Secret ${record.secretName}${belongings}`,
        scheduleToCloseTimeout: SHORT_PATIENCE,
      },
      [{ cluster: identity, bundleName: name, secretName: record.secretName, requestName: record.requestName }],
    ),
  );
  if (problem !== undefined) problems.push(problem);
  const ledger: BundleLedger = {
    bundleName: name,
    revocations,
    removed: removal?.removed ?? [],
    ...(problems[0] === undefined ? {} : { problem: problems[0], problems }),
  };
  const given = problems.map(({ message }) => message).join(' ');
  cluster.update(name, {
    ended: ledger,
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
