/** The whole watch: its streams, their order, what is looked at beside them, and how far all have come. */

import { setTimeout as delay } from 'node:timers/promises';
import type { WatchCheckpoint } from '../contract/activities.ts';
import { CertmanError } from '../failures/failure.ts';
import { pause } from '../kubernetes/api/backoff.ts';
import { type ResourceType } from '../kubernetes/api/kubernetes-api.ts';
import type { ListAndWatchOptions } from '../kubernetes/api/list-and-watch.ts';
import { SETTINGS_CONFIG_MAP } from '../kubernetes/objects/operator-settings.ts';
import {
  CERTIFICATE_REQUESTS,
  CLUSTER_DEPLOYMENTS,
  CONFIG_MAPS,
  DNS_ZONES,
  SECRETS,
} from '../kubernetes/objects/resources.ts';
import { AriPoller } from './ari-poller.ts';
import { CertificateRequestHandler } from './certificate-request-handler.ts';
import { ClusterDeploymentHandler } from './cluster-deployment-handler.ts';
import { ClusterWorkflowClient, SignalRejected } from './cluster-workflow-client.ts';
import { ControllerCache } from './controller-cache.ts';
import type { ControllerDependencies } from './controller-dependencies.ts';
import { CrlPoller } from './crl-poller.ts';
import { DependencyHandler } from './dependency-handler.ts';
import { EventRecorder } from './event-recorder.ts';
import { type ResourceEventHandler, runInformer } from './informer.ts';
import { KeyedWorkQueue } from './keyed-work-queue.ts';
import { PrimaryReconciler } from './primary-reconciler.ts';
import { ResourceVersionCheckpoint } from './resource-version-checkpoint.ts';
import { Resync } from './resync.ts';

/** Signals under way at one time: enough for a fleet installed at once, little enough for Temporal's frontend. */
const MAX_CONCURRENT_SIGNALS = 32;
const MAX_QUEUED = 2_000;

/** The first comparison comes soon: the watch changes hands when something was wrong. */
const FIRST_RESYNC_MS = 60_000;
const RESYNC_RETRY_MS = 30_000;

/** What is under way at the end gets this long. */
const MAX_DRAIN_MS = 5_000;

const ignore = (): void => undefined;

interface InformedResource {
  readonly resource: ResourceType;
  readonly watchOptions: Omit<ListAndWatchOptions, 'signal' | 'onFailure' | 'onRecovery' | 'resumeFrom'>;
  readonly handler: ResourceEventHandler;
}

export class Controller {
  readonly #dependencies: ControllerDependencies;
  readonly #resumeFrom: WatchCheckpoint;
  readonly #stop = new AbortController();
  readonly #cache = new ControllerCache();
  readonly #checkpoints = new Map<string, ResourceVersionCheckpoint>();
  readonly #queue: KeyedWorkQueue;
  readonly #clusterDeployments: ClusterDeploymentHandler;
  readonly #certificateRequests: CertificateRequestHandler;
  readonly #dependencyHandler: DependencyHandler;
  readonly #resync: Resync;
  readonly #ariPoller: AriPoller;
  /** Undefined when lists of revoked certificates are not to be looked at. */
  readonly #crlPoller: CrlPoller | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(
    dependencies: ControllerDependencies,
    run: { readonly resumeFrom: WatchCheckpoint; readonly taskQueue: string },
  ) {
    const { settings, logger, kubernetes } = dependencies;
    const { signal } = this.#stop;
    const fleet = this.#cache;
    this.#dependencies = dependencies;
    this.#resumeFrom = run.resumeFrom;
    // A worker that dies before it has come to a kind leaves that kind's position as it found it.
    for (const [kind, handled] of Object.entries(run.resumeFrom)) {
      this.#checkpoints.set(kind, new ResourceVersionCheckpoint(handled));
    }
    const work = new KeyedWorkQueue(MAX_CONCURRENT_SIGNALS, MAX_QUEUED, (error) => this.#fail(error));
    const signals = new ClusterWorkflowClient({
      client: dependencies.client,
      managementCluster: settings.managementCluster,
      taskQueue: run.taskQueue,
      signal,
    });
    const common = { settings, fleet, signals, work, logger, signal };
    this.#queue = work;
    const teller = new EventRecorder(kubernetes, logger, signal);
    const served = new PrimaryReconciler({ ...common, teller });
    this.#dependencyHandler = new DependencyHandler({ ...common, teller });
    this.#certificateRequests = new CertificateRequestHandler({
      ...common,
      served,
      surroundings: this.#dependencyHandler,
    });
    const onOwnersChanged = (namespace: string) => this.#certificateRequests.onOwnersChanged(namespace);
    this.#clusterDeployments = new ClusterDeploymentHandler({ ...common, served, teller, onOwnersChanged });
    this.#resync = new Resync({
      ...common,
      kubernetes,
      caHost: dependencies.caHost,
      clusters: this.#clusterDeployments,
      requests: this.#certificateRequests,
      surroundings: this.#dependencyHandler,
    });
    const { ca, metrics, crlSource } = dependencies;
    this.#ariPoller = new AriPoller({ ...common, ca, metrics });
    if (crlSource !== undefined) {
      this.#crlPoller = new CrlPoller({ ...common, kubernetes, crlSource, metrics });
    }
  }

  /** Up to where everything has been dealt with. */
  checkpoints(): WatchCheckpoint {
    const handled: Record<string, string> = {};
    for (const [kind, position] of this.#checkpoints)
      if (position.resourceVersion !== undefined) handled[kind] = position.resourceVersion;
    return handled;
  }

  /** Watches until the signal. @throws what makes it impossible to go on. */
  async run(signal: AbortSignal): Promise<WatchCheckpoint> {
    const end = (): void => this.#stop.abort(new Error('the watch ends'));
    if (signal.aborted) end();
    signal.addEventListener('abort', end, { once: true });
    const conceal = this.#dependencies.exposeFleet(this.#cache);
    try {
      await Promise.all([
        this.#runInformers(),
        this.#resyncPeriodically(),
        this.#ariPoller.run(),
        this.#crlPoller?.run(),
      ]);
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#fail(error);
    } finally {
      end();
      signal.removeEventListener('abort', end);
      conceal();
      await Promise.race([this.#queue.drain(), delay(MAX_DRAIN_MS, undefined, { ref: false })]);
    }
    if (this.#failure !== undefined) throw this.#failure.error;
    return this.checkpoints();
  }

  #fail(error: unknown): void {
    // What ends because of the end is no failure.
    if (!this.#stop.signal.aborted) this.#failure ??= { error };
    this.#stop.abort(error);
  }

  async #runInformers(): Promise<void> {
    const [clusters, ...others] = this.#informedResources();
    const ready = new Promise<void>((resolve) => this.#syncedListeners.push(resolve));
    await Promise.all([
      this.#runInformer(clusters, () => this.#clusterDeploymentsSynced()),
      // What belongs to a cluster can be told apart once the clusters are known.
      ready.then(() => Promise.all(others.map((other) => this.#runInformer(other, () => undefined)))),
    ]);
  }

  readonly #syncedListeners: (() => void)[] = [];

  #clusterDeploymentsSynced(): void {
    for (const resolve of this.#syncedListeners.splice(0)) resolve();
  }

  #runInformer(followed: InformedResource, onReady: () => void): Promise<never> {
    const resumeFrom = this.#resumeFrom[followed.resource.plural];
    const checkpoint = this.#checkpoints.get(followed.resource.plural) ?? new ResourceVersionCheckpoint(resumeFrom);
    this.#checkpoints.set(followed.resource.plural, checkpoint);
    return runInformer({
      source: this.#dependencies.source,
      resource: followed.resource,
      watchOptions: { ...followed.watchOptions, ...(resumeFrom === undefined ? {} : { resumeFrom }) },
      handler: followed.handler,
      checkpoint,
      work: this.#queue,
      logger: this.#dependencies.logger,
      signal: this.#stop.signal,
      onError: (error) => this.#fail(error),
      onReady,
    });
  }

  #informedResources(): readonly [InformedResource, ...InformedResource[]] {
    const clusters = this.#clusterDeployments;
    const requests = this.#certificateRequests;
    const around = this.#dependencyHandler;
    return [
      {
        resource: CLUSTER_DEPLOYMENTS,
        // Without Hive there are CertificateRequests that stand alone.
        watchOptions: { resumeMode: 'list', optional: true },
        handler: {
          onListed: (object) => clusters.onListed(object),
          onUpsert: (object) => clusters.onUpsert(object),
          onDelete: (object) => clusters.onDelete(object),
          onSynced: (keys) => clusters.onSynced(keys),
        },
      },
      {
        resource: CERTIFICATE_REQUESTS,
        watchOptions: { resumeMode: 'list' },
        handler: {
          onListed: (object) => requests.onListed(object),
          onUpsert: (object) => requests.onUpsert(object),
          onDelete: (object) => requests.onDelete(object),
          onSynced: (keys) => requests.onSynced(keys),
        },
      },
      {
        resource: SECRETS,
        watchOptions: { resumeMode: 'watch', metadataOnly: true },
        handler: {
          onListed: ignore,
          onUpsert: (object, from) => around.onSecretUpsert(object, from),
          onDelete: (object) => around.onSecretDelete(object),
        },
      },
      {
        resource: CONFIG_MAPS,
        watchOptions: {
          resumeMode: 'watch',
          namespace: this.#dependencies.settings.operatorNamespace,
          fieldSelector: `metadata.name=${SETTINGS_CONFIG_MAP}`,
        },
        handler: {
          onListed: ignore,
          onUpsert: (object, from) => around.onConfigMapChange(object, from),
          onDelete: (object) => around.onConfigMapChange(object, 'watch'),
        },
      },
      {
        resource: DNS_ZONES,
        watchOptions: { resumeMode: 'list', optional: true },
        handler: {
          onListed: (object) => around.onZoneListed(object),
          onUpsert: (object, from) => around.onZoneUpsert(object, from),
          onDelete: (object) => around.onZoneDelete(object),
        },
      },
    ];
  }

  async #resyncPeriodically(): Promise<never> {
    const { settings, logger } = this.#dependencies;
    const { signal } = this.#stop;
    await new Promise<void>((resolve, reject) => {
      this.#syncedListeners.push(resolve);
      signal.addEventListener('abort', () => reject(new Error('the watch ends')), { once: true });
    });
    let waitMs = Math.min(settings.resyncIntervalMs, FIRST_RESYNC_MS);
    for (;;) {
      await pause(waitMs, signal);
      try {
        await this.#resync.run();
        waitMs = settings.resyncIntervalMs;
      } catch (error) {
        signal.throwIfAborted();
        const passing =
          error instanceof SignalRejected || (error instanceof CertmanError && error.code !== 'temporal/unreachable');
        if (!passing) throw error;
        waitMs = Math.min(settings.resyncIntervalMs, RESYNC_RETRY_MS);
        logger.warn({ problem: error.message, retryInMs: waitMs }, 'The whole picture could not be compared');
      }
    }
  }
}
