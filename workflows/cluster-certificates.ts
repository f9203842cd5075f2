/**
 * The life of one cluster's certificates: from the first sight of an installed ClusterDeployment until its deletion, when
 * they are revoked and everything is cleared away. The only writer of this cluster's certificates. A CertificateRequest that
 * stands alone is served in the same way, as a cluster of one bundle.
 */
import {
  ApplicationFailure,
  allHandlersFinished,
  condition,
  continueAsNew,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import {
  type ClusterCertificatesInput,
  certificateRevoked,
  clusterGone,
  clusterObserved,
  clusterStatus,
  type DecommissionResult,
  dependencyChanged,
  type RenewedCertificate,
  type RenewRequest,
  release,
  renew,
  renewalWindowChanged,
  requestClaimed,
} from '../src/contract/cluster-certificates.ts';
import { runBundle } from './cluster/bundle.ts';
import { ClusterState } from './cluster/cluster-state.ts';
import { decommission, decommissionRemovedBundle } from './cluster/decommission.ts';
import { handOver } from './cluster/hand-over.ts';
import { rejectUpdate } from './cluster/reject-update.ts';
import { handleRelease, validateRelease } from './cluster/release.ts';

export async function clusterCertificates(input: ClusterCertificatesInput): Promise<DecommissionResult> {
  const cluster = setup(input);
  return await run(cluster);
}

/** Restores the state and registers every handler before the first await, so that no message finds nobody at home. */
function setup(input: ClusterCertificatesInput): ClusterState {
  const cluster = new ClusterState(input);
  setHandler(clusterObserved, (view) => cluster.onClusterObserved(view), {
    description: 'The ClusterDeployment, or the CertificateRequest that stands alone, as the watch sees it now.',
  });
  setHandler(clusterGone, () => cluster.onClusterGone(), {
    description: 'It has vanished from the API server.',
  });
  setHandler(requestClaimed, ({ clusterDeployment }) => cluster.onRequestClaimed(clusterDeployment), {
    description: 'The request stands alone no longer: let go of it, for the cluster it belongs to has it now.',
  });
  setHandler(dependencyChanged, ({ what }) => cluster.onDependencyChanged(what), {
    description: 'Something a certificate depends on changed: look again now.',
  });
  setHandler(renewalWindowChanged, ({ bundleName, window }) => cluster.onRenewalWindowChanged(bundleName, window), {
    description: 'The CA suggests another time for a renewal (RFC 9773).',
  });
  setHandler(
    certificateRevoked,
    ({ bundleName, serialNumber }) => cluster.onCertificateRevoked(bundleName, serialNumber),
    {
      description: 'A certificate was found revoked at its CA.',
    },
  );
  setHandler(clusterStatus, () => cluster.status(), {
    description: 'Where each certificate is, why, and what happens next.',
  });
  setHandler(renew, (request) => handleRenew(cluster, request), {
    description: 'Renew now; answers when the new certificate is in its Secret, or with why not.',
    validator: (request) => validateRenew(cluster, request),
  });
  setHandler(release, () => handleRelease(cluster), {
    description:
      'Let the cluster that is being deleted, or bundles that were taken out of it, go without what cannot be done; answers with what that was.',
    validator: () => validateRelease(cluster),
  });
  return cluster;
}

async function run(cluster: ClusterState): Promise<DecommissionResult> {
  cluster.updateDetails();
  while (!cluster.stopping) {
    for (const name of cluster.wantedBundles()) {
      if (!cluster.loops.has(name)) cluster.loops.start(name, () => runBundle(cluster, name));
    }
    for (const name of cluster.removedBundles()) {
      if (!cluster.loops.has(name)) cluster.loops.start(name, () => decommissionRemovedBundle(cluster, name));
    }
    await condition(() => cluster.stopping || cluster.hasBundlesToStart() || cluster.mayContinueAsNew(workflowInfo()));
    if (!cluster.stopping && !cluster.hasBundlesToStart()) {
      await condition(allHandlersFinished);
      await drainSignals();
      // A message may have arrived meanwhile.
      if (cluster.mayContinueAsNew(workflowInfo()) && allHandlersFinished()) {
        await continueAsNew<typeof clusterCertificates>(cluster.continueAsNewInput());
      }
    }
  }
  await cluster.loops.stopAll();
  let ledger =
    cluster.claimedBy === undefined ? await decommission(cluster) : await handOver(cluster, cluster.claimedBy);
  while (ledger === undefined) {
    await condition(() => allHandlersFinished() || cluster.releaseRequests.wholeCluster);
    await drainSignals();
    if (!cluster.releaseRequests.wholeCluster)
      await continueAsNew<typeof clusterCertificates>(cluster.continueAsNewInput());
    ledger = await decommission(cluster);
  }
  await condition(allHandlersFinished);
  return ledger;
}

/**
 * Waits until every message that has arrived is heard. A run must not end on the result of a local activity: when the task in
 * which it ends is done again because of a message, the result, which is recorded already, is given to the workflow before the
 * message is; the run ends on it, and the message is lost. The end of a timer is told after the messages before it.
 */
async function drainSignals(): Promise<void> {
  await sleep(1, { summary: 'drain signals, then continue as new' });
}

/** Synchronous by necessity: an asynchronous validator would wedge the workflow. */
function validateRenew(cluster: ClusterState, request: RenewRequest): void {
  if (cluster.claimedBy !== undefined)
    rejectUpdate(
      'renew/rejected',
      `${cluster.name} belongs to ClusterDeployment ${cluster.claimedBy}: renew that one.`,
    );
  if (cluster.decommissioning)
    rejectUpdate('renew/rejected', `${cluster.name} is being deleted: its certificates are revoked, not renewed.`);
  const gate = cluster.gate();
  if (gate.kind !== 'serve' && gate.kind !== 'decommission')
    rejectUpdate('renew/rejected', `${cluster.name} is not served now: ${gate.message}`);
  const names = cluster.wantedBundles();
  if (request?.bundleName !== undefined && !names.includes(request.bundleName)) {
    rejectUpdate(
      'renew/rejected',
      `${cluster.name} has no bundle ${request.bundleName} to be generated; it has ${names.length === 0 ? 'none' : names.join(', ')}.`,
    );
  }
  if (names.length === 0) rejectUpdate('renew/rejected', `${cluster.name} has no bundle to be generated.`);
}

async function handleRenew(cluster: ClusterState, request: RenewRequest): Promise<readonly RenewedCertificate[]> {
  const names = request?.bundleName === undefined ? cluster.wantedBundles() : [request.bundleName];
  return await Promise.all(names.map((name) => renewBundle(cluster, name)));
}

async function renewBundle(cluster: ClusterState, bundleName: string): Promise<RenewedCertificate> {
  const before = cluster.attempts.finishedOf(bundleName).count;
  cluster.requestRenewal(bundleName);
  await condition(
    () =>
      cluster.attempts.finishedOf(bundleName).count > before ||
      cluster.stopping ||
      cluster.bundle(bundleName) === undefined,
  );
  const { failure, certificate, message } = cluster.record(bundleName);
  const { count, last } = cluster.attempts.finishedOf(bundleName);
  if (count > before && last === 'issued' && certificate !== undefined) return { bundleName, certificate };
  throw ApplicationFailure.create({
    type: failure?.code ?? 'renew/aborted',
    message: failure?.message ?? `The renewal was given up: ${message}`,
    nonRetryable: true,
    ...(failure === undefined ? {} : { details: [failure] }),
  });
}
