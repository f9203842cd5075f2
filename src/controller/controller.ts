import { setTimeout as delay } from 'node:timers/promises';
import type { WatchCheckpoint } from '../contract/activities/watch.ts';
import { SETTINGS_CONFIG_MAP } from '../kubernetes/objects/operator-settings.ts';
import {
  CERTIFICATE_REQUESTS,
  CLUSTER_DEPLOYMENTS,
  CONFIG_MAPS,
  DNS_ZONES,
  SECRETS,
} from '../kubernetes/objects/resources.ts';
import { NOT_STAGING_SELECTOR } from '../kubernetes/objects/secret-ownership.ts';
import { ariPollClient } from './ari-poller.ts';
import { runCanaryWatch } from './canary-watch.ts';
import { certificateRequestHandler } from './certificate-request-handler.ts';
import { clusterDeploymentHandler } from './cluster-deployment-handler.ts';
import { ClusterSignaller } from './cluster-signaller.ts';
import { ClusterWorkflowClient } from './cluster-workflow-client.ts';
import { ControllerCache } from './controller-cache.ts';
import type { ControllerContext, ControllerDependencies } from './controller-context.ts';
import { CrdCheck } from './crd-check.ts';
import { crlPollClient } from './crl-poller.ts';
import { configMapHandler, dnsZoneHandler, secretHandler } from './dependency-handlers.ts';
import { fleetSnapshot } from './fleet-snapshot.ts';
import { type InformedResource, Informer } from './informer.ts';
import { KeyedWorkQueue } from './keyed-work-queue.ts';
import { ObservedBefore } from './observed-before.ts';
import { Poller } from './poller.ts';
import { type PrimaryEventHandler, PrimaryReconciler } from './primary-reconciler.ts';
import { runResync } from './resync.ts';
import { servedPollClient, servedRemovalClient } from './served-poller.ts';
import { type StuckClusterSignals, stuckClusterSignals } from './stuck-clusters.ts';
import { runTxtJanitor } from './txt-janitor.ts';

/** Enough for a fleet that is installed at once, and few enough for Temporal's frontend. */
const MAX_CONCURRENT_SIGNALS = 32;
const MAX_PENDING_SIGNALS = 2_000;
/**
 * Among them, of clusters in a list: so few that Temporal and the workers adopt each cluster of a new fleet soon after its
 * workflow starts. With all at once, every workflow starts before any cluster is adopted.
 */
const MAX_CONCURRENT_LIST_SIGNALS = 4;
/** Signals under way when the controller stops get this long. */
const MAX_DRAIN_MS = 5_000;

/** Kinds whose changes no object of a cluster shows: a refused signal of one is known to this process only. */
const DEPENDENCY_PLURALS: ReadonlySet<string> = new Set([SECRETS, CONFIG_MAPS, DNS_ZONES].map(({ plural }) => plural));

/** What differs between runs of the controller. */
export interface ControllerRun {
  /** Checkpoint of an earlier run; empty: list everything. */
  readonly resumeFrom: WatchCheckpoint;
  /** Of the workflows of clusters. */
  readonly taskQueue: string;
  readonly signal: AbortSignal;
  /** Called once, with a function that returns by kind the resourceVersion up to which every event is handled. */
  readonly onStart: (checkpoint: () => WatchCheckpoint) => void;
}

/**
 * Runs the informers, pollers and resync of a management cluster until the signal is aborted.
 * @returns the last checkpoint. @throws the error that stopped it.
 */
export async function runController(
  dependencies: ControllerDependencies,
  { resumeFrom, taskQueue, signal: aborted, onStart }: ControllerRun,
): Promise<WatchCheckpoint> {
  const { settings, logger, client, crlSource, source, metrics, exposeFleet } = dependencies;
  const { managementCluster, heldBackPatches, versioned } = settings;
  const failed = new AbortController();
  const signal = AbortSignal.any([aborted, failed.signal]);
  const onError = (error: unknown): void => {
    if (!signal.aborted) failed.abort(error);
  };

  const queue = new KeyedWorkQueue(MAX_CONCURRENT_SIGNALS, MAX_PENDING_SIGNALS, MAX_CONCURRENT_LIST_SIGNALS);
  const workflows = new ClusterWorkflowClient({
    client,
    managementCluster,
    taskQueue,
    signal,
    metrics,
    logger: dependencies.logger,
    heldBackPatches,
    versioned,
  });
  const kubernetes = dependencies.kubernetes.withSignal(signal);
  const shared = { ...dependencies, kubernetes, queue, workflows, signal };
  const cache = new ControllerCache();
  const context = { ...shared, cache, signaller: new ClusterSignaller(shared) };

  const observedBefore = new ObservedBefore(context);
  const reconciler = new PrimaryReconciler(context, observedBefore);
  const requests = certificateRequestHandler(context, reconciler);
  const clusters = clusterDeploymentHandler(context, reconciler, requests.onOwnersChanged);
  const ariPoller = new Poller(ariPollClient(context), context);
  const crlPoller = crlSource && new Poller(crlPollClient(context, crlSource), context);
  const { servedCheck } = dependencies;
  const servedPoller = new Poller(
    servedCheck === undefined ? servedRemovalClient(context) : servedPollClient(context, servedCheck),
    context,
  );
  const stuckClusters = stuckClusterSignals(context);
  const informers = new Map(
    informedResources(context, clusters, requests, stuckClusters).map((informed) => {
      const { plural } = informed.resource;
      const options = { source, queue, logger, signal, resumeFrom: resumeFrom[plural], onError };
      return [plural, new Informer(informed, options)];
    }),
  );
  const [deploymentsInformer, requestsInformer] = [CLUSTER_DEPLOYMENTS, CERTIFICATE_REQUESTS].map(({ plural }) =>
    informers.get(plural),
  ) as [Informer, Informer];

  const checkpoint = (): WatchCheckpoint => checkpointOf(informers, context.signaller);
  onStart(checkpoint);
  const ari = () => ({ certificates: ariPoller.answeredCount, failing: ariPoller.failing });
  const watches = () => Array.from(informers.values(), ({ state }) => state);
  const crdCheck = new CrdCheck(context);
  const hideMetrics = exposeFleet(fleetSnapshot(cache, { ari, watches, crd: () => crdCheck.state }));
  try {
    await Promise.all([
      ...Array.from(informers.values(), (informer) => runWhenSettled(informer, informers)),
      deploymentsInformer.synced.then(requests.onOwnersKnown),
      recordKnownRequests(requestsInformer, cache),
      observedBefore.run(),
      Promise.all([deploymentsInformer.synced, requestsInformer.synced]).then(() => observedBefore.forget()),
      signalAfterLateSync([deploymentsInformer, requestsInformer], stuckClusters),
      deploymentsInformer.settled.then(() =>
        runResync(context, clusters, requests, (plural) => informers.get(plural)?.resourceVersion),
      ),
      // The setting may be new: no object has changed that would signal the clusters that wait for it.
      settings.caChangeAllowedTo &&
        stuckClusters.signalAll(`A change to the CA ${settings.caChangeAllowedTo} is allowed.`),
      crdCheck.run(),
      ariPoller.run(),
      crlPoller?.run(),
      servedPoller.run(),
      dependencies.canary && runCanaryWatch(context, dependencies.canary, stuckClusters),
      dependencies.sweep && runTxtJanitor(context, dependencies.sweep),
    ]);
  } catch (error) {
    onError(error);
  } finally {
    hideMetrics();
    metrics.issuersInCanary.set(0);
    dependencies.missingFinalizers?.clear();
    await Promise.race([queue.drain(), delay(MAX_DRAIN_MS, undefined, { ref: false })]);
  }
  failed.signal.throwIfAborted();
  return checkpoint();
}

function checkpointOf(informers: ReadonlyMap<string, Informer>, { hasRefused }: ClusterSignaller): WatchCheckpoint {
  const checkpoint: Record<string, string> = {};
  for (const [plural, { resourceVersion }] of informers) {
    // Without a position, the next worker lists, and signals the clusters that wait.
    if (hasRefused && DEPENDENCY_PLURALS.has(plural)) continue;
    if (resourceVersion !== undefined) checkpoint[plural] = resourceVersion;
  }
  return checkpoint;
}

/** One kind that cannot be listed holds up the others for a limited time only. */
async function runWhenSettled(informer: Informer, informers: ReadonlyMap<string, Informer>): Promise<never> {
  await Promise.all(informer.after.map(async ({ plural }) => await informers.get(plural)?.settled));
  return await informer.run();
}

async function recordKnownRequests({ synced }: Informer, cache: ControllerCache): Promise<void> {
  await synced;
  cache.requestsKnown = true;
}

/** A change to a Secret or DNSZone of clusters that were not known yet signalled none of them. */
async function signalAfterLateSync(
  primaries: readonly Informer[],
  { signalWaitingFor }: StuckClusterSignals,
): Promise<void> {
  await Promise.all(primaries.map(({ settled }) => settled));
  if (primaries.every(({ hasSynced }) => hasSynced)) return;
  await Promise.all(primaries.map(({ synced }) => synced));
  await Promise.all([signalWaitingFor('Secrets'), signalWaitingFor('DNSZones')]);
}

function informedResources(
  context: ControllerContext,
  clusters: PrimaryEventHandler,
  requests: PrimaryEventHandler,
  stuckClusters: StuckClusterSignals,
): readonly InformedResource[] {
  const { namespaces, operatorNamespace } = context.settings;
  const primaries = [CLUSTER_DEPLOYMENTS, CERTIFICATE_REQUESTS];
  return [
    // Optional: without Hive there are standalone CertificateRequests.
    { resource: CLUSTER_DEPLOYMENTS, namespaces, resumeMode: 'list', optional: true, handler: clusters },
    { resource: CERTIFICATE_REQUESTS, namespaces, resumeMode: 'list', after: [CLUSTER_DEPLOYMENTS], handler: requests },
    {
      resource: SECRETS,
      namespaces,
      labelSelector: NOT_STAGING_SELECTOR,
      after: primaries,
      resumeMode: 'watch',
      metadataOnly: true,
      handler: secretHandler(context, stuckClusters),
    },
    {
      resource: CONFIG_MAPS,
      // Renewals that are postponed are found in the cache.
      after: primaries,
      // One object: what holds has to be known before it changes.
      resumeMode: 'list',
      namespace: operatorNamespace,
      fieldSelector: `metadata.name=${SETTINGS_CONFIG_MAP}`,
      handler: configMapHandler(context, stuckClusters),
    },
    {
      resource: DNS_ZONES,
      namespaces,
      after: primaries,
      resumeMode: 'list',
      optional: true,
      handler: dnsZoneHandler(context, stuckClusters),
    },
  ];
}
