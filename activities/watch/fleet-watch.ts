/** The whole watch: its streams, their order, what is looked at beside them, and how far all have come. */

import { setTimeout as delay } from 'node:timers/promises';
import { CertmanError } from '../../src/failures/failure.ts';
import { pause } from '../../src/kubernetes/backoff.ts';
import {
  CERTIFICATE_REQUESTS,
  CLUSTER_DEPLOYMENTS,
  CONFIG_MAPS,
  DNS_ZONES,
  type ResourceType,
  SECRETS,
} from '../../src/kubernetes/kubernetes-api.ts';
import type { ListAndWatchOptions } from '../../src/kubernetes/list-and-watch.ts';
import { SETTINGS_CONFIG_MAP } from '../../src/kubernetes/operator-settings.ts';
import type { WatchPositions } from '../contract.ts';
import { ClusterWatch } from './cluster-watch.ts';
import { Comparison } from './comparison.ts';
import type { WatchDependencies } from './dependencies.ts';
import { HandledPosition } from './handled-position.ts';
import { KnownFleet } from './known-fleet.ts';
import { RenewalWindows } from './renewal-windows.ts';
import { RequestWatch } from './request-watch.ts';
import { RevokedCertificates } from './revoked-certificates.ts';
import { ServedWatch } from './served-watch.ts';
import { SignalRefused, Signals } from './signals.ts';
import { followObjects, type ObjectHandler } from './stream.ts';
import { SurroundingsWatch } from './surroundings-watch.ts';
import { Teller } from './teller.ts';
import { WorkByKey } from './work-by-key.ts';

/** Signals under way at one time: enough for a fleet installed at once, little enough for Temporal's frontend. */
const CONCURRENT_SIGNALS = 32;
const MOST_WAITING = 2_000;

/** The first comparison comes soon: the watch changes hands when something was wrong. */
const FIRST_COMPARISON_MS = 60_000;
const COMPARISON_RETRY_MS = 30_000;

/** What is under way at the end gets this long. */
const LONGEST_FAREWELL_MS = 5_000;

const nothing = (): void => undefined;

interface Followed {
  readonly resource: ResourceType;
  readonly listing: Omit<ListAndWatchOptions, 'signal' | 'onTrouble' | 'onRecovery' | 'resumeFrom'>;
  readonly handler: ObjectHandler;
}

export class FleetWatch {
  readonly #dependencies: WatchDependencies;
  readonly #resumeFrom: WatchPositions;
  readonly #stop = new AbortController();
  readonly #fleet = new KnownFleet();
  readonly #positions = new Map<string, HandledPosition>();
  readonly #work: WorkByKey;
  readonly #clusters: ClusterWatch;
  readonly #requests: RequestWatch;
  readonly #surroundings: SurroundingsWatch;
  readonly #comparison: Comparison;
  readonly #renewalWindows: RenewalWindows;
  /** Undefined when lists of revoked certificates are not to be looked at. */
  readonly #revokedCertificates: RevokedCertificates | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(
    dependencies: WatchDependencies,
    run: { readonly resumeFrom: WatchPositions; readonly taskQueue: string },
  ) {
    const { settings, logger, kubernetes } = dependencies;
    const { signal } = this.#stop;
    const fleet = this.#fleet;
    this.#dependencies = dependencies;
    this.#resumeFrom = run.resumeFrom;
    // A worker that dies before it has come to a kind leaves that kind's position as it found it.
    for (const [kind, handled] of Object.entries(run.resumeFrom)) {
      this.#positions.set(kind, new HandledPosition(handled));
    }
    const work = new WorkByKey(CONCURRENT_SIGNALS, MOST_WAITING, (error) => this.#fail(error));
    const signals = new Signals({ client: dependencies.client, hive: settings.hive, taskQueue: run.taskQueue, signal });
    const common = { settings, fleet, signals, work, logger, signal };
    this.#work = work;
    const teller = new Teller(kubernetes, logger, signal);
    const served = new ServedWatch({ ...common, teller });
    this.#surroundings = new SurroundingsWatch({ ...common, teller });
    this.#requests = new RequestWatch({ ...common, served, surroundings: this.#surroundings });
    const onClaims = (namespace: string) => this.#requests.claimsChanged(namespace);
    this.#clusters = new ClusterWatch({ ...common, served, teller, onClaims });
    this.#comparison = new Comparison({
      ...common,
      kubernetes,
      environment: dependencies.environment,
      clusters: this.#clusters,
      requests: this.#requests,
      surroundings: this.#surroundings,
    });
    const { ca, metrics, revocationLists } = dependencies;
    this.#renewalWindows = new RenewalWindows({ ...common, ca, onMoved: metrics.renewalWindowMoved });
    if (revocationLists !== undefined) {
      this.#revokedCertificates = new RevokedCertificates({
        ...common,
        kubernetes,
        lists: revocationLists,
        onFetched: metrics.revocationListFetched,
        onRevoked: metrics.revokedCertificateFound,
      });
    }
  }

  /** Up to where everything has been dealt with. */
  positions(): WatchPositions {
    const handled: Record<string, string> = {};
    for (const [kind, position] of this.#positions)
      if (position.handled !== undefined) handled[kind] = position.handled;
    return handled;
  }

  /** Watches until the signal. @throws what makes it impossible to go on. */
  async run(signal: AbortSignal): Promise<WatchPositions> {
    const end = (): void => this.#stop.abort(new Error('the watch ends'));
    if (signal.aborted) end();
    signal.addEventListener('abort', end, { once: true });
    const conceal = this.#dependencies.metrics.expose(this.#fleet);
    try {
      await Promise.all([
        this.#followAll(),
        this.#compareForEver(),
        this.#renewalWindows.run(),
        this.#revokedCertificates?.run(),
      ]);
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#fail(error);
    } finally {
      end();
      signal.removeEventListener('abort', end);
      conceal();
      await Promise.race([this.#work.idle(), delay(LONGEST_FAREWELL_MS, undefined, { ref: false })]);
    }
    if (this.#failure !== undefined) throw this.#failure.error;
    return this.positions();
  }

  #fail(error: unknown): void {
    // What ends because of the end is no failure.
    if (!this.#stop.signal.aborted) this.#failure ??= { error };
    this.#stop.abort(error);
  }

  async #followAll(): Promise<void> {
    const [clusters, ...others] = this.#followed();
    const ready = new Promise<void>((resolve) => this.#readiness.push(resolve));
    await Promise.all([
      this.#follow(clusters, () => this.#ready()),
      // What belongs to a cluster can be told apart once the clusters are known.
      ready.then(() => Promise.all(others.map((other) => this.#follow(other, () => undefined)))),
    ]);
  }

  readonly #readiness: (() => void)[] = [];

  #ready(): void {
    for (const resolve of this.#readiness.splice(0)) resolve();
  }

  #follow(followed: Followed, onReady: () => void): Promise<never> {
    const resumeFrom = this.#resumeFrom[followed.resource.plural];
    const position = this.#positions.get(followed.resource.plural) ?? new HandledPosition(resumeFrom);
    this.#positions.set(followed.resource.plural, position);
    return followObjects({
      source: this.#dependencies.source,
      resource: followed.resource,
      listing: { ...followed.listing, ...(resumeFrom === undefined ? {} : { resumeFrom }) },
      handler: followed.handler,
      position,
      work: this.#work,
      logger: this.#dependencies.logger,
      signal: this.#stop.signal,
      onError: (error) => this.#fail(error),
      onReady,
    });
  }

  #followed(): readonly [Followed, ...Followed[]] {
    const clusters = this.#clusters;
    const requests = this.#requests;
    const around = this.#surroundings;
    return [
      {
        resource: CLUSTER_DEPLOYMENTS,
        // Without Hive there are CertificateRequests that stand alone.
        listing: { resumeBy: 'list', optional: true },
        handler: {
          known: (object) => clusters.known(object),
          applied: (object) => clusters.applied(object),
          deleted: (object) => clusters.deleted(object),
          complete: (keys) => clusters.listed(keys),
        },
      },
      {
        resource: CERTIFICATE_REQUESTS,
        listing: { resumeBy: 'list' },
        handler: {
          known: (object) => requests.known(object),
          applied: (object) => requests.applied(object),
          deleted: (object) => requests.deleted(object),
          complete: (keys) => requests.listed(keys),
        },
      },
      {
        resource: SECRETS,
        listing: { resumeBy: 'watch', metadataOnly: true },
        handler: {
          known: nothing,
          applied: (object, from) => around.secretApplied(object, from),
          deleted: (object) => around.secretDeleted(object),
        },
      },
      {
        resource: CONFIG_MAPS,
        listing: {
          resumeBy: 'watch',
          namespace: this.#dependencies.settings.operatorNamespace,
          fieldSelector: `metadata.name=${SETTINGS_CONFIG_MAP}`,
        },
        handler: {
          known: nothing,
          applied: (object, from) => around.configMapChanged(object, from),
          deleted: (object) => around.configMapChanged(object, 'watch'),
        },
      },
      {
        resource: DNS_ZONES,
        listing: { resumeBy: 'list', optional: true },
        handler: {
          known: (object) => around.zoneKnown(object),
          applied: (object, from) => around.zoneApplied(object, from),
          deleted: (object) => around.zoneDeleted(object),
        },
      },
    ];
  }

  async #compareForEver(): Promise<never> {
    const { settings, logger } = this.#dependencies;
    const { signal } = this.#stop;
    await new Promise<void>((resolve, reject) => {
      this.#readiness.push(resolve);
      signal.addEventListener('abort', () => reject(new Error('the watch ends')), { once: true });
    });
    let waitMs = Math.min(settings.comparisonIntervalMs, FIRST_COMPARISON_MS);
    for (;;) {
      await pause(waitMs, signal);
      try {
        await this.#comparison.run();
        waitMs = settings.comparisonIntervalMs;
      } catch (error) {
        signal.throwIfAborted();
        const passing =
          error instanceof SignalRefused || (error instanceof CertmanError && error.code !== 'temporal/unreachable');
        if (!passing) throw error;
        waitMs = Math.min(settings.comparisonIntervalMs, COMPARISON_RETRY_MS);
        logger.warn({ problem: error.message, retryInMs: waitMs }, 'The whole picture could not be compared');
      }
    }
  }
}
