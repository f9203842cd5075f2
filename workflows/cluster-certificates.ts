/**
 * The life of one cluster's certificates: from the first sight of an installed ClusterDeployment until its deletion, when
 * they are revoked and everything is cleared away. The only writer of this cluster's certificates.
 */
import {
  ApplicationFailure,
  allHandlersFinished,
  condition,
  continueAsNew,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { serveBundle } from './cluster/bundle.ts';
import { ClusterState } from './cluster/cluster-state.ts';
import { decommission, retireBundle } from './cluster/decommission.ts';
import {
  type ClusterCertificatesInput,
  clusterGone,
  clusterObserved,
  clusterStatus,
  type DecommissionLedger,
  type RenewedCertificate,
  type RenewRequest,
  renew,
  surroundingsChanged,
} from './contract.ts';

export async function clusterCertificates(input: ClusterCertificatesInput): Promise<DecommissionLedger> {
  const cluster = setup(input);
  return await run(cluster);
}

/** Restores the state and registers every handler before the first await, so that no message finds nobody at home. */
function setup(input: ClusterCertificatesInput): ClusterState {
  const cluster = new ClusterState(input);
  setHandler(clusterObserved, (view) => cluster.observe(view), {
    description: 'The ClusterDeployment as the watch sees it now.',
  });
  setHandler(clusterGone, () => cluster.observeGone(), {
    description: 'The ClusterDeployment has vanished from the API server.',
  });
  setHandler(surroundingsChanged, ({ what }) => cluster.observeSurroundings(what), {
    description: 'Something a certificate depends on changed: look again now.',
  });
  setHandler(clusterStatus, () => cluster.status(), {
    description: 'Where each certificate is, why, and what happens next.',
  });
  setHandler(renew, (request) => renewNow(cluster, request), {
    description: 'Renew now; answers when the new certificate is in its Secret, or with why not.',
    validator: (request) => validateRenewal(cluster, request),
  });
  return cluster;
}

async function run(cluster: ClusterState): Promise<DecommissionLedger> {
  cluster.show();
  while (!cluster.ending) {
    for (const name of cluster.wantedBundles()) {
      if (!cluster.isServed(name)) cluster.serve(name, () => serveBundle(cluster, name));
    }
    for (const name of cluster.unwantedBundles()) {
      if (!cluster.isServed(name)) cluster.serve(name, () => retireBundle(cluster, name));
    }
    await condition(() => cluster.ending || cluster.bundlesToServe() || cluster.mayContinueAsNew(workflowInfo()));
    if (!cluster.ending && !cluster.bundlesToServe()) {
      await condition(allHandlersFinished);
      // A message may have arrived while the last handlers finished.
      if (cluster.mayContinueAsNew(workflowInfo())) {
        await continueAsNew<typeof clusterCertificates>(cluster.asInput());
      }
    }
  }
  await cluster.stopServing();
  const ledger = await decommission(cluster);
  await condition(allHandlersFinished);
  return ledger;
}

/** Synchronous by necessity: an asynchronous validator would wedge the workflow. */
function validateRenewal(cluster: ClusterState, request: RenewRequest): void {
  if (cluster.ending) refuse(`${cluster.name} is being deleted: its certificates are revoked, not renewed.`);
  const gate = cluster.gate();
  if (gate.kind !== 'serve' && gate.kind !== 'decommission')
    refuse(`${cluster.name} is not served now: ${gate.message}`);
  const names = cluster.wantedBundles();
  if (request?.bundleName !== undefined && !names.includes(request.bundleName)) {
    refuse(
      `${cluster.name} has no bundle ${request.bundleName} to be generated; it has ${names.length === 0 ? 'none' : names.join(', ')}.`,
    );
  }
  if (names.length === 0) refuse(`${cluster.name} has no bundle to be generated.`);
}

function refuse(message: string): never {
  throw ApplicationFailure.create({ type: 'renew/refused', message, nonRetryable: true });
}

async function renewNow(cluster: ClusterState, request: RenewRequest): Promise<readonly RenewedCertificate[]> {
  const names = request?.bundleName === undefined ? cluster.wantedBundles() : [request.bundleName];
  return await Promise.all(names.map((name) => renewBundle(cluster, name)));
}

async function renewBundle(cluster: ClusterState, bundleName: string): Promise<RenewedCertificate> {
  const before = cluster.attemptsOf(bundleName).count;
  cluster.requestRenewal(bundleName);
  await condition(
    () => cluster.attemptsOf(bundleName).count > before || cluster.ending || cluster.bundle(bundleName) === undefined,
  );
  const { failure, certificate, message } = cluster.record(bundleName);
  const { count, last } = cluster.attemptsOf(bundleName);
  if (count > before && last === 'issued' && certificate !== undefined) return { bundleName, certificate };
  throw ApplicationFailure.create({
    type: failure?.code ?? 'renew/abandoned',
    message: failure?.message ?? `The renewal was given up: ${message}`,
    nonRetryable: true,
    ...(failure === undefined ? {} : { details: [failure] }),
  });
}
