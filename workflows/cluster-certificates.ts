/** The only writer of one cluster's certificates. A standalone CertificateRequest is a cluster of one bundle. */
import { allHandlersFinished, condition, makeContinueAsNewFunc, setHandler } from '@temporalio/workflow';
import {
  campaignRequested,
  campaignWithdrawn,
  isCampaignRequest,
  isCampaignWithdrawal,
} from '../src/contract/campaign-request.ts';
import {
  type ClusterCertificatesInput,
  certificateRevoked,
  certificatesHandedOver,
  clusterGone,
  clusterObserved,
  clusterStatus,
  type DecommissionResult,
  dependencyChanged,
  orderMoved,
  release,
  renew,
  renewalWindowChanged,
  requestClaimed,
} from '../src/contract/cluster-certificates.ts';
import { clusterMemo } from '../src/contract/cluster-memo.ts';
import {
  isClusterView,
  isHandedOver,
  isMovedWindow,
  isOrderMove,
  isRequestClaim,
  isRevokedCertificate,
} from '../src/contract/cluster-messages.ts';
import { isRenewalWithdrawal, renewalWithdrawn } from '../src/contract/renewal-withdrawal.ts';
import { isRevocationRequest, revocationRequested } from '../src/contract/revocation-request.ts';
import type { Bundle } from './cluster/bundle.ts';
import { dismissCampaigns } from './cluster/campaigns.ts';
import { ClusterCertificates } from './cluster/cluster.ts';
import { decommission } from './cluster/decommission.ts';
import { decommissionRemovedBundle } from './cluster/decommission-bundle.ts';
import { runBundle } from './cluster/evaluate.ts';
import { handOver } from './cluster/hand-over.ts';
import { handleRelease, handleRenew, validateRelease, validateRenew } from './cluster/updates.ts';
import { onSignal } from './on-signal.ts';

/** Runs until the cluster is decommissioned, or a standalone request is claimed. */
export async function clusterCertificates(input: ClusterCertificatesInput): Promise<DecommissionResult> {
  const cluster = setup(input);
  return await run(cluster);
}

/** Registers every handler before the first await. */
function setup(input: ClusterCertificatesInput): ClusterCertificates {
  const cluster = new ClusterCertificates(input);
  onSignal(
    clusterObserved,
    isClusterView,
    (view) => cluster.onClusterObserved(view),
    'The ClusterDeployment, or the standalone CertificateRequest, has changed.',
  );
  setHandler(clusterGone, () => cluster.onClusterGone(), {
    description: 'It is gone from the API server: decommission it.',
  });
  onSignal(
    requestClaimed,
    isRequestClaim,
    (claim) => cluster.onRequestClaimed(claim),
    'The standalone request belongs to a ClusterDeployment now: hand it over.',
  );
  onSignal(
    certificatesHandedOver,
    isHandedOver,
    (handedOver) => cluster.onCertificatesHandedOver(handedOver),
    'Older certificates of a request that this ClusterDeployment has claimed: revoke them at the end.',
  );
  // Whatever it carries: runs were re-evaluated by one without an argument, and their histories must replay.
  setHandler(dependencyChanged, () => cluster.notifyAll(), {
    description: 'A dependency of its certificates has changed: re-evaluate now.',
  });
  onSignal(
    renewalWindowChanged,
    isMovedWindow,
    ({ bundleName, window }) => cluster.onRenewalWindowChanged(bundleName, window),
    'The CA has moved the renewal window of a certificate (RFC 9773).',
  );
  onSignal(
    certificateRevoked,
    isRevokedCertificate,
    ({ bundleName, serialNumber }) => cluster.onCertificateRevoked(bundleName, serialNumber),
    'The CA has revoked a certificate: replace it.',
  );
  onSignal(
    orderMoved,
    isOrderMove,
    (move) => cluster.onOrderMoved(move),
    'The budget of the CA has moved the instant of an order that waits.',
  );
  onSignal(
    campaignRequested,
    isCampaignRequest,
    (request) => cluster.onCampaignRequested(request),
    'A campaign asks to replace a certificate.',
  );
  onSignal(
    campaignWithdrawn,
    isCampaignWithdrawal,
    ({ wave }) => cluster.onCampaignWithdrawn(wave),
    'A campaign was aborted.',
  );
  onSignal(
    revocationRequested,
    isRevocationRequest,
    (request) => cluster.onRevocationRequested(request),
    'An operator asks to revoke a certificate.',
  );
  onSignal(
    renewalWithdrawn,
    isRenewalWithdrawal,
    (withdrawal) => cluster.onRenewalWithdrawn(withdrawal),
    'An operator withdraws a requested renewal.',
  );
  setHandler(clusterStatus, () => cluster.status(), {
    description: 'The state of each bundle, the reason, and what happens next.',
  });
  setHandler(renew, (request) => handleRenew(cluster, request), {
    description: 'Renews now, and returns when the new certificate is in its Secret.',
    validator: (request) => validateRenew(cluster, request),
  });
  setHandler(release, () => handleRelease(cluster), {
    description:
      'Gives up what the decommission of the cluster, or of removed bundles, cannot do, and returns what that is.',
    validator: () => validateRelease(cluster),
  });
  return cluster;
}

async function run(cluster: ClusterCertificates): Promise<DecommissionResult> {
  cluster.updateDetails();
  await cluster.observeFirst();
  while (!cluster.stopping) {
    cluster.startBundles((bundle) => runOrDecommission(cluster, bundle));
    await condition(() => cluster.stopping || cluster.hasBundlesToStart() || cluster.mayContinueAsNew());
    if (cluster.mayContinueAsNew()) await continueAsNewUnless(cluster, () => !cluster.mayContinueAsNew());
  }
  await cluster.stopBundles();
  for (const bundle of cluster.bundles())
    if (bundle.record.campaigns !== undefined) await dismissCampaigns(bundle, cluster.stoppingReason ?? '');
  let result = cluster.claim === undefined ? await decommission(cluster) : await handOver(cluster, cluster.claim);
  while (result === undefined) {
    await continueAsNewUnless(cluster, () => cluster.released);
    result = await decommission(cluster);
  }
  await condition(allHandlersFinished);
  cluster.finishPublishing();
  return result;
}

async function runOrDecommission(cluster: ClusterCertificates, bundle: Bundle): Promise<void> {
  if (bundle.wanted !== undefined) return await runBundle(bundle);
  if (bundle.record.campaigns !== undefined)
    await dismissCampaigns(bundle, `${cluster.name} has no bundle ${bundle.name} any more.`);
  if (await decommissionRemovedBundle(bundle)) cluster.forget(bundle);
}

// A message that arrives meanwhile is never lost: the server refuses the end of a run that has not seen it.
async function continueAsNewUnless(cluster: ClusterCertificates, isOvertaken: () => boolean): Promise<void> {
  await condition(() => allHandlersFinished() || isOvertaken());
  if (!allHandlersFinished() || isOvertaken()) return;
  cluster.finishPublishing();
  // By default, the next run gets the memo that this one started with.
  const memo = { ...clusterMemo(cluster.view) };
  await makeContinueAsNewFunc<typeof clusterCertificates>({ memo })(cluster.continueAsNewInput());
}
