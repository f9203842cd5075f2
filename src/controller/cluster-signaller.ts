import type { CachedCluster } from '../clusters/cached-cluster.ts';
import type { ClusterRef } from '../clusters/cluster-identity.ts';
import { dependencyChanged } from '../contract/cluster-certificates.ts';
import { pause } from '../kubernetes/api/backoff.ts';
import type { KubernetesApi } from '../kubernetes/api/kubernetes-api.ts';
import { KeyedRateLimiter, type RateLimit } from '../rate-limit/gcra.ts';
import { DEPENDENCY_SIGNALS_PER_CLUSTER, DRIFT_SIGNALS_PER_CLUSTER } from '../rate-limit/limits.ts';
import { type ClusterWorkflowClient, SignalRejected } from './cluster-workflow-client.ts';
import { recordWarning } from './event-recorder.ts';
import type { KeyedWorkQueue } from './keyed-work-queue.ts';
import { keyOf, type NamespacedName } from './namespaced-name.ts';
import type { ControllerLogger } from './outage-log.ts';

/** What the signaller shares with the other parts of one running controller. */
export interface ClusterSignallerOptions {
  readonly queue: KeyedWorkQueue;
  readonly workflows: ClusterWorkflowClient;
  /** Its requests end with `signal`. */
  readonly kubernetes: KubernetesApi;
  readonly logger: ControllerLogger;
  /** Aborted when the controller stops. */
  readonly signal: AbortSignal;
}

/** Signals of one cause, at a limited rate for each cluster. */
interface LimitedSignals {
  readonly limiter: KeyedRateLimiter;
  /** By uid: the delayed signal of a cluster. */
  readonly delayed: Map<string, Promise<void>>;
}

function limitedSignals(limit: RateLimit): LimitedSignals {
  return { limiter: new KeyedRateLimiter(limit), delayed: new Map() };
}

/** Signals the workflows of clusters to re-evaluate: one signal to a cluster at a time, and changes at a limited rate. */
export class ClusterSignaller {
  readonly #options: ClusterSignallerOptions;
  readonly #driftSignals = limitedSignals(DRIFT_SIGNALS_PER_CLUSTER);
  readonly #dependencySignals = limitedSignals(DEPENDENCY_SIGNALS_PER_CLUSTER);
  /** By uid: what a cluster is still to be signalled, since Temporal refused it. */
  readonly #refused = new Map<string, { readonly cluster: ClusterRef; readonly what: string }>();

  constructor(options: ClusterSignallerOptions) {
    this.#options = options;
  }

  /** Signals those of the clusters that are served, each at a limited rate. */
  async dependencyChanged(clusters: readonly CachedCluster[], what: string): Promise<void> {
    const { logger } = this.#options;
    await Promise.all(
      clusters.map((cluster) =>
        this.#limit(this.#dependencySignals, cluster, what, () => {
          logger.warn({ cluster: keyOf(cluster), what }, 'What a cluster depends on keeps changing');
        }),
      ),
    );
  }

  /** As {@link dependencyChanged}, for a change by another field manager to what certman manages. */
  async drifted(clusters: readonly CachedCluster[], what: string, manager?: string): Promise<void> {
    await Promise.all(
      clusters.map((cluster) =>
        this.#limit(this.#driftSignals, cluster, what, () => this.#reportConflict(cluster, what, manager)),
      ),
    );
  }

  /** A rejected signal is kept for {@link retryRefused}. */
  async reevaluate(cluster: ClusterRef, what: string): Promise<void> {
    const { workflows, logger } = this.#options;
    const taken = await this.inOrder(cluster, async () => {
      await workflows.signal(cluster, dependencyChanged, { what });
      logger.info({ cluster: keyOf(cluster), what }, 'Signalled a cluster to re-evaluate');
    });
    if (taken) this.#refused.delete(cluster.uid);
    else this.#refused.set(cluster.uid, { cluster, what });
  }

  /** Whether clusters are still to be signalled a change of which no object shows that they do not know it. */
  get hasRefused(): boolean {
    return this.#refused.size > 0;
  }

  /** Signals again what Temporal refused. @returns the number of clusters. */
  async retryRefused(): Promise<number> {
    const refused = [...this.#refused.values()];
    await Promise.all(refused.map(({ cluster, what }) => this.reevaluate(cluster, what)));
    return refused.length;
  }

  /**
   * Sends a signal after those to the same cluster that were queued before it.
   * @returns false when Temporal rejected it, which is logged.
   */
  async inOrder(cluster: NamespacedName, send: () => Promise<void>): Promise<boolean> {
    const sendSignal = async (): Promise<true> => {
      await send();
      return true;
    };
    const taken = await this.#options.queue.add(keyOf(cluster), () => this.unlessRejected(cluster, sendSignal));
    return taken === true;
  }

  /** @returns undefined when Temporal rejected the request, which is logged and affects no other cluster. */
  async unlessRejected<T>(cluster: NamespacedName, request: () => Promise<T>): Promise<T | undefined> {
    try {
      return await request();
    } catch (error) {
      if (!(error instanceof SignalRejected)) throw error;
      const fields = { cluster: keyOf(cluster), error: error.message };
      this.#options.logger.error(fields, 'Temporal rejected a request about a cluster');
      return undefined;
    }
  }

  /** @param onDelay called when the rate is exceeded; what changes until the delayed signal is covered by it. */
  async #limit(
    signals: LimitedSignals,
    cluster: CachedCluster,
    what: string,
    onDelay: () => Promise<void> | void,
  ): Promise<void> {
    if (!cluster.served || cluster.gate === 'handsOff') return;
    const { limiter, delayed } = signals;
    const waitMs = limiter.tryAcquire(cluster.uid, performance.now());
    if (waitMs === 0) return await this.reevaluate(cluster, what);
    const signalLater = async (): Promise<void> => {
      await onDelay();
      await pause(waitMs, this.#options.signal);
      delayed.delete(cluster.uid);
      await this.#limit(signals, cluster, what, onDelay);
    };
    const pending = delayed.get(cluster.uid) ?? signalLater();
    delayed.set(cluster.uid, pending);
    await pending;
  }

  async #reportConflict(cluster: CachedCluster, what: string, manager = 'unknown'): Promise<void> {
    const { logger } = this.#options;
    logger.warn({ cluster: keyOf(cluster), what, fieldManager: manager }, 'Another program keeps undoing repairs');
    await recordWarning(
      this.#options,
      cluster,
      'FieldManagerConflict',
      `Another program (field manager ${manager}) keeps changing what certman manages. ${what} Until that ends, certman repairs it every two minutes only: make sure that nothing else manages these certificates.`,
    );
  }
}
