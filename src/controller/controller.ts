import { setTimeout as delay } from 'node:timers/promises';
import type { WatchCheckpoint } from '../contract/activities.ts';
import { SETTINGS_CONFIG_MAP } from '../kubernetes/objects/operator-settings.ts';
import {
  CERTIFICATE_REQUESTS,
  CLUSTER_DEPLOYMENTS,
  CONFIG_MAPS,
  DNS_ZONES,
  SECRETS,
} from '../kubernetes/objects/resources.ts';
import { AriPollClient } from './ari-poller.ts';
import { CertificateRequestHandler } from './certificate-request-handler.ts';
import { clusterDeploymentHandler } from './cluster-deployment-handler.ts';
import { ClusterSignaller } from './cluster-signaller.ts';
import { ClusterWorkflowClient } from './cluster-workflow-client.ts';
import { ControllerCache } from './controller-cache.ts';
import type { ControllerContext, ControllerDependencies } from './controller-context.ts';
import { CrlPollClient } from './crl-poller.ts';
import { configMapHandler, dnsZoneHandler, secretHandler } from './dependency-handlers.ts';
import { fleetSnapshot } from './fleet-snapshot.ts';
import { type InformedResource, Informer } from './informer.ts';
import { KeyedWorkQueue } from './keyed-work-queue.ts';
import { Poller } from './poller.ts';
import { type PrimaryEventHandler, PrimaryReconciler } from './primary-reconciler.ts';
import { Resync } from './resync.ts';
import { stuckClusterSignaller } from './stuck-clusters.ts';

/** Enough for a fleet that is installed at once, and few enough for Temporal's frontend. */
const MAX_CONCURRENT_SIGNALS = 32;
const MAX_PENDING_SIGNALS = 2_000;
/** Signals under way when the controller stops get this long. */
const MAX_DRAIN_MS = 5_000;

/** What differs between runs of the controller. */
export interface ControllerRun {
  /** Checkpoint of an earlier run; empty: list everything. */
  readonly resumeFrom: WatchCheckpoint;
  /** Of the workflows of clusters. */
  readonly taskQueue: string;
  readonly signal: AbortSignal;
}

/** Runs the informers, pollers and resync of a management cluster until it is aborted or a failure stops it. */
export class Controller {
  readonly #stop = new AbortController();
  readonly #context: ControllerContext;
  readonly #resync: Resync;
  readonly #ariPoller: Pick<Poller<never>, 'run' | 'failing' | 'answeredCount'>;
  readonly #crlPoller: Pick<Poller<never>, 'run'> | undefined;
  /** By plural of the kind; ClusterDeployments first. */
  readonly #informers: ReadonlyMap<string, Informer>;
  #failure: { readonly error: unknown } | undefined;

  constructor(dependencies: ControllerDependencies, run: ControllerRun) {
    const { settings, logger, client, crlSource, source } = dependencies;
    const { managementCluster } = settings;
    const signal = AbortSignal.any([run.signal, this.#stop.signal]);
    const queue = new KeyedWorkQueue(MAX_CONCURRENT_SIGNALS, MAX_PENDING_SIGNALS);
    const workflows = new ClusterWorkflowClient({ client, managementCluster, taskQueue: run.taskQueue, signal });
    const shared = { ...dependencies, queue, workflows, signal };
    const context = { ...shared, cache: new ControllerCache(), signaller: new ClusterSignaller(shared) };
    this.#context = context;
    const reconciler = new PrimaryReconciler(context);
    const requests = new CertificateRequestHandler(context, reconciler);
    const clusters = clusterDeploymentHandler(context, reconciler, (namespace) => requests.onOwnersChanged(namespace));
    this.#resync = new Resync(context, clusters, requests);
    this.#ariPoller = new Poller(new AriPollClient(context), context);
    this.#crlPoller = crlSource && new Poller(new CrlPollClient(context, crlSource), context);
    this.#informers = new Map(
      informedResources(context, clusters, requests).map((informed) => {
        const { plural } = informed.resource;
        const onError = (error: unknown): void => this.#fail(error);
        const resumeFrom = run.resumeFrom[plural];
        return [plural, new Informer(informed, { source, queue, logger, signal, resumeFrom, onError })];
      }),
    );
  }

  /** By kind, the resourceVersion up to which every event is handled. */
  checkpoint(): WatchCheckpoint {
    const checkpoint: Record<string, string> = {};
    for (const [plural, { resourceVersion }] of this.#informers) {
      if (resourceVersion !== undefined) checkpoint[plural] = resourceVersion;
    }
    return checkpoint;
  }

  /** Runs until the signal is aborted. @returns the last checkpoint. @throws the error that stopped it. */
  async run(): Promise<WatchCheckpoint> {
    const { cache, queue, exposeFleet } = this.#context;
    const ari = () => ({ certificates: this.#ariPoller.answeredCount, failing: this.#ariPoller.failing });
    const hideMetrics = exposeFleet(fleetSnapshot(cache, ari));
    try {
      await Promise.all([this.#runInformers(), this.#ariPoller.run(), this.#crlPoller?.run()]);
    } catch (error) {
      this.#fail(error);
    } finally {
      hideMetrics();
      await Promise.race([queue.drain(), delay(MAX_DRAIN_MS, undefined, { ref: false })]);
    }
    if (this.#failure !== undefined) throw this.#failure.error;
    return this.checkpoint();
  }

  /** ClusterDeployments first: the other handlers and the resync need them in the cache. */
  async #runInformers(): Promise<void> {
    const [clusters, ...others] = this.#informers.values();
    await Promise.all([
      clusters?.run(),
      clusters?.synced.then(() => Promise.all([...others.map((informer) => informer.run()), this.#resync.run()])),
    ]);
  }

  #fail(error: unknown): void {
    if (!this.#context.signal.aborted) this.#failure = { error };
    this.#stop.abort(error);
  }
}

function informedResources(
  context: ControllerContext,
  clusters: PrimaryEventHandler,
  requests: PrimaryEventHandler,
): readonly InformedResource[] {
  const signalStuckClusters = stuckClusterSignaller(context);
  return [
    // Optional: without Hive there are standalone CertificateRequests.
    { resource: CLUSTER_DEPLOYMENTS, resumeMode: 'list', optional: true, handler: clusters },
    { resource: CERTIFICATE_REQUESTS, resumeMode: 'list', handler: requests },
    {
      resource: SECRETS,
      resumeMode: 'watch',
      metadataOnly: true,
      handler: secretHandler(context, signalStuckClusters),
    },
    {
      resource: CONFIG_MAPS,
      resumeMode: 'watch',
      namespace: context.settings.operatorNamespace,
      fieldSelector: `metadata.name=${SETTINGS_CONFIG_MAP}`,
      handler: configMapHandler(signalStuckClusters),
    },
    { resource: DNS_ZONES, resumeMode: 'list', optional: true, handler: dnsZoneHandler(context) },
  ];
}
