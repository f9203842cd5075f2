/** The end of a request's service that is no end of the request: a ClusterDeployment has turned out to be what it belongs to. */
import { isCancellation } from '@temporalio/workflow';
import { zoneTargetOf } from '../../src/clusters/cluster-view.ts';
import type { DecommissionResult } from '../../src/contract/cluster-certificates.ts';
import type { FailureInfo } from '../../src/failures/failure.ts';
import { withdrawTxtRecords } from '../activities.ts';
import { failureIn } from '../failures.ts';
import type { ClusterState } from './cluster-state.ts';

/**
 * Lets go without revoking or removing anything: the cluster's workflow finds the certificate in its Secret, and has the
 * request, its finalizer and its status from now on. Only what nobody else knows of is cleared away.
 */
export async function handOver(cluster: ClusterState, claimedBy: string): Promise<DecommissionResult> {
  const bundles = await Promise.all(
    cluster.allBundles().map(async (bundleName) => {
      const failure = await withdrawLeftoverRecords(cluster, bundleName);
      return { bundleName, revocations: [], removed: [], ...(failure === undefined ? {} : { failure }) };
    }),
  );
  return { cluster: cluster.view.identity, bundles, finalizerRemoved: false, claimedBy };
}

/** Takes away the TXT records that an order could not withdraw, if that can be done now. @returns why not. */
async function withdrawLeftoverRecords(cluster: ClusterState, name: string): Promise<FailureInfo | undefined> {
  const records = cluster.record(name).leftoverRecords ?? [];
  if (records.length === 0) return undefined;
  try {
    await withdrawTxtRecords.executeWithOptions({ summary: `withdraw ${records.length} leftover TXT records` }, [
      { zone: zoneTargetOf(cluster.view), records },
    ]);
    return undefined;
  } catch (error) {
    if (isCancellation(error)) throw error;
    return failureIn(error);
  }
}
