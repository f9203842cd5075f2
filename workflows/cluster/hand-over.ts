import { getExternalWorkflowHandle, isCancellation, log, patched, sleep } from '@temporalio/workflow';
import { zoneTargetOf } from '../../src/clusters/zone-target.ts';
import { waitsForTurn } from '../../src/contract/bundle-record.ts';
import {
  certificatesHandedOver,
  type DecommissionResult,
  type RequestClaim,
} from '../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId } from '../../src/contract/ids.ts';
import { TURN_GIVEN_UP } from '../../src/contract/patches.ts';
import { counted } from '../../src/failures/counted.ts';
import { type FailureInfo, failureInfo } from '../../src/failures/failure.ts';
import { withdrawTxtRecords } from '../activities.ts';
import { failureIn } from '../failures.ts';
import type { Bundle } from './bundle.ts';
import type { ClusterCertificates } from './cluster.ts';
import { giveUpTurn } from './give-up-turn.ts';
import { requestsToHandOver } from './handed-over-requests.ts';

/** The workflow of the ClusterDeployment starts when the controller sees that it is served. */
const RETRY_AFTER = ['10 seconds', '1 minute', '10 minutes', '1 hour'] as const;

/**
 * Ends a claimed request's workflow. Nothing is revoked: the ClusterDeployment's workflow finds the certificate in its
 * Secret, and gets the older ones, and what operators have requested, from here.
 */
export async function handOver(cluster: ClusterCertificates, claim: RequestClaim): Promise<DecommissionResult> {
  const bundles = await Promise.all(
    cluster.bundles().map(async (bundle) => {
      const failures = await withdrawLeftoverRecords(bundle);
      if (waitsForTurn(bundle.record) && patched(TURN_GIVEN_UP)) await giveUpTurn(bundle);
      const lost = await passOnCertificates(bundle, claim);
      return { bundleName: bundle.name, revocations: [], removed: [], failures: [...failures, ...lost] };
    }),
  );
  const { identity } = cluster.view;
  return { cluster: identity, bundles, finalizerRemoved: false, claimedBy: claim.clusterDeployment };
}

/** Withdraws records that no other workflow knows. */
async function withdrawLeftoverRecords({ record, cluster }: Bundle): Promise<readonly FailureInfo[]> {
  const { leftoverRecords: records = [] } = record;
  if (records.length === 0) return [];
  try {
    await withdrawTxtRecords.executeWithOptions(
      { summary: `withdraw ${counted(records.length, 'leftover TXT record')}` },
      [{ cluster: cluster.view.identity, zone: zoneTargetOf(cluster.view), records }],
    );
    return [];
  } catch (error) {
    if (isCancellation(error)) throw error;
    return [failureIn(error)];
  }
}

/**
 * Certificates that no Secret shows and that only this workflow knows, and what operators have requested. Without a workflow to
 * take them, they expire. @returns why none took them.
 */
async function passOnCertificates(
  { name, record, cluster }: Bundle,
  claim: RequestClaim,
): Promise<readonly FailureInfo[]> {
  const { requestName, certificate, unclaimedOrders = [] } = record;
  const requests = requestsToHandOver(record);
  // The one in use is in its Secret; where it is to be revoked, the list shows that it is the account's.
  const toRevoke = new Set(requests?.revocations.map(({ serialNumber }) => serialNumber));
  const issued = record.issued.filter(
    ({ serialNumber, notAfter }) =>
      (serialNumber !== certificate?.serialNumber || toRevoke.has(serialNumber)) && Date.parse(notAfter) > Date.now(),
  );
  const { clusterDeployment, uid } = claim;
  if (issued.length === 0 && unclaimedOrders.length === 0 && requests === undefined) return [];
  if (uid === undefined) {
    const failure = withoutTarget(clusterDeployment);
    log.warn(failure.message, { name, certificates: issued.length, orders: unclaimedOrders.length });
    return [failure];
  }
  const { managementCluster, namespace } = cluster.view.identity;
  const target = clusterWorkflowId({ managementCluster, namespace, name: clusterDeployment, uid });
  let lost: readonly FailureInfo[] = [];
  for (const retryAfter of [...RETRY_AFTER, undefined]) {
    try {
      await getExternalWorkflowHandle(target).signal(certificatesHandedOver, {
        requestName,
        issued,
        unclaimedOrders,
        requests,
      });
      return [];
    } catch (error) {
      if (isCancellation(error)) throw error;
      const failure = failureIn(error);
      const { message } = failure;
      log.warn('Certificates of a claimed request could not be handed over', { name, target, message, retryAfter });
      lost = [notHandedOver(clusterDeployment, failure)];
      if (retryAfter !== undefined)
        await sleep(retryAfter, { summary: `${name}: hand its older certificates over again` });
    }
  }
  return lost;
}

function notHandedOver(clusterDeployment: string, failure: FailureInfo): FailureInfo {
  return {
    ...failure,
    message: `Older certificates and pending requests could not be handed over to ${clusterDeployment}: ${failure.message}`,
    remedy: requestAgain(clusterDeployment),
  };
}

/** A controller of an earlier version, or one that does not know the ClusterDeployment any more, claims without a uid. */
function withoutTarget(clusterDeployment: string): FailureInfo {
  return failureInfo({
    code: 'kubernetes/notFound',
    message: `Older certificates and pending requests are not handed over to ${clusterDeployment}: its claim has no uid, which the workflow to hand them to has in its id.`,
    remedy: requestAgain(clusterDeployment),
  });
}

function requestAgain(clusterDeployment: string): string {
  return `They are not handed over any more: request renewals and revocations again, of ${clusterDeployment}.`;
}
