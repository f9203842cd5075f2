/** The end of a bundle or a whole cluster: revoke, then delete the Secret, then the request, then let Hive go on. */
import { condition, isCancellation } from '@temporalio/workflow';
import type { RevocationEntry } from '../../activities/contract.ts';
import { nextAttemptAt } from '../../src/certificates/retry-schedule.ts';
import { failureSentence } from '../../src/certificates/status-wording.ts';
import type { FailureInfo } from '../../src/failures/failure.ts';
import { releaseCluster, removeBundle, revokeCertificates, withdrawTxtRecords } from '../activities.ts';
import type { DecommissionLedger } from '../contract.ts';
import { failureIn } from '../failures.ts';
import type { ClusterState } from './cluster-state.ts';
import { report, reportWhenSlow } from './reporting.ts';

/** RFC 5280 §5.3.1: the cluster these certificates were for operates no more. */
const CESSATION_OF_OPERATION = 5;

/** How long what cannot be done is tried before the finalizers are released without it. */
const LIMIT_MS = 24 * 3_600_000;

type BundleLedger = DecommissionLedger['bundles'][number];

/** Ends every bundle, then takes the finalizer off the ClusterDeployment. */
export async function decommission(cluster: ClusterState): Promise<DecommissionLedger> {
  if (cluster.knownBundles().length === 0) cluster.publishAttributes();
  const bundles = await Promise.all(cluster.knownBundles().map((name) => endBundle(cluster, name)));
  const { identity } = cluster.view;
  const { problem } = await keepTrying(cluster, undefined, () =>
    releaseCluster.executeWithOptions({ summary: `release the finalizer of ${cluster.name}` }, [identity]),
  );
  return { cluster: identity, bundles, finalizerReleased: problem === undefined };
}

/** The end of a bundle that the ClusterDeployment no longer asks for, while the cluster lives on. */
export async function retireBundle(cluster: ClusterState, name: string): Promise<void> {
  if (cluster.gate().kind !== 'serve') {
    const seen = cluster.changesOf(name);
    await condition(() => cluster.changesOf(name) !== seen);
    return;
  }
  await endBundle(cluster, name);
  cluster.forget(name);
}

async function endBundle(cluster: ClusterState, name: string): Promise<BundleLedger> {
  cluster.update(name, {
    state: 'Decommissioning',
    message: 'Revoking its certificates, then deleting its Secret and its CertificateRequest.',
    failure: undefined,
    nextAttempt: undefined,
    renewalTime: undefined,
  });
  cluster.publishAttributes();
  const record = cluster.record(name);
  const { identity, zoneName, platform, relocation } = cluster.view;
  const problems: FailureInfo[] = [];

  let revocations: readonly RevocationEntry[] = [];
  if (relocation !== 'outgoing') {
    const { value, problem } = await reportWhenSlow(cluster, name, () =>
      keepTrying(cluster, name, () =>
        revokeCertificates.executeWithOptions({ summary: `revoke the certificates of ${name}` }, [
          {
            namespace: identity.namespace,
            secretName: record.secretName,
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
    const zone = { namespace: identity.namespace, clusterName: identity.name, zoneName, platform };
    const { problem } = await keepTrying(cluster, name, () =>
      withdrawTxtRecords.executeWithOptions({ summary: `withdraw ${left.length} TXT records left earlier` }, [
        { zone, records: left },
      ]),
    );
    if (problem !== undefined) problems.push(problem);
  }

  const { value: removal, problem } = await keepTrying(cluster, name, () =>
    removeBundle.executeWithOptions({ summary: `delete Secret ${record.secretName} and its CertificateRequest` }, [
      { cluster: identity, bundleName: name, secretName: record.secretName },
    ]),
  );
  if (problem !== undefined) problems.push(problem);
  return {
    bundleName: name,
    revocations,
    removed: removal?.removed ?? [],
    ...(problems[0] === undefined ? {} : { problem: problems[0] }),
  };
}

interface Tried<T> {
  readonly value?: T;
  /** Set when the time limit passed; what was last said. */
  readonly problem?: FailureInfo;
}

/** Repeats a step by the retry schedule, sooner when something changes, until it is done or the limit has passed. */
async function keepTrying<T>(
  cluster: ClusterState,
  bundleName: string | undefined,
  step: () => Promise<T>,
): Promise<Tried<T>> {
  const limit = Date.now() + LIMIT_MS;
  for (let failedAttempts = 1; ; failedAttempts += 1) {
    const seen = bundleName === undefined ? 0 : cluster.changesOf(bundleName);
    try {
      return { value: await step() };
    } catch (error) {
      if (isCancellation(error)) throw error;
      const failure = failureIn(error);
      const until = Math.min(nextAttemptAt(failure, failedAttempts, Date.now()), limit);
      if (Date.now() >= limit) return { problem: failure };
      const nextAttempt = new Date(until).toISOString();
      if (bundleName !== undefined) {
        cluster.update(bundleName, {
          failure,
          failedAttempts,
          nextAttempt,
          message: `${failureSentence(failure, failedAttempts, nextAttempt)} If it cannot be done by ${new Date(limit).toISOString()}, the finalizer is released without it.`,
        });
        cluster.publishAttributes();
        await report(cluster, bundleName, { type: 'Warning', reason: 'DecommissionBlocked', message: failure.message });
      }
      await condition(
        () => bundleName !== undefined && cluster.changesOf(bundleName) !== seen,
        Math.max(1, until - Date.now()),
        { summary: `${bundleName ?? cluster.name}: try again at ${nextAttempt}` },
      );
    }
  }
}
