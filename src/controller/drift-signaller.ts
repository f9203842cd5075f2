/** Waking clusters because somebody changed what certman looks after: at once as a rule, at a bounded pace when it does not end. */
import { type CachedCluster, identityOf } from '../clusters/cached-cluster.ts';
import { pause } from '../kubernetes/api/backoff.ts';
import { involvedObjectOf } from '../kubernetes/objects/primary-resource.ts';
import { KeyedRateLimiter } from '../rate-limit/gcra.ts';
import { DRIFT_SIGNALS_PER_CLUSTER } from '../rate-limit/limits.ts';
import { keyOf } from './controller-cache.ts';
import type { ControllerLogger, ControllerSettings } from './controller-dependencies.ts';
import type { EventRecorder } from './event-recorder.ts';

export interface DriftSignallerOptions {
  readonly settings: ControllerSettings;
  /** Wakes one that is being served. @returns whether it was told. */
  readonly signalCluster: (cluster: CachedCluster, what: string) => Promise<boolean>;
  readonly teller: EventRecorder;
  readonly logger: ControllerLogger;
  readonly signal: AbortSignal;
}

export class DriftSignaller {
  readonly #options: DriftSignallerOptions;
  readonly #rateLimiter = new KeyedRateLimiter(DRIFT_SIGNALS_PER_CLUSTER);
  /** By uid of the cluster: what comes while one is held is told with it. */
  readonly #delayed = new Map<string, Promise<boolean>>();

  constructor(options: DriftSignallerOptions) {
    this.#options = options;
  }

  /** @param stranger field manager of who it was, where that is known. @returns whether it was told. */
  async signal(cluster: CachedCluster, what: string, stranger?: string): Promise<boolean> {
    const waitMs = this.#rateLimiter.tryAcquire(cluster.uid, performance.now());
    if (waitMs === 0) return await this.#options.signalCluster(cluster, what);
    const held = this.#delayed.get(cluster.uid) ?? this.#signalLater(cluster, what, stranger, waitMs);
    this.#delayed.set(cluster.uid, held);
    return await held;
  }

  async #signalLater(cluster: CachedCluster, what: string, stranger = 'unknown', waitMs: number): Promise<boolean> {
    const { settings, teller, logger, signal } = this.#options;
    logger.warn({ cluster: keyOf(cluster), what, fieldManager: stranger }, 'Somebody keeps undoing what certman does');
    await teller.record(involvedObjectOf(identityOf(settings.managementCluster, cluster)), {
      type: 'Warning',
      reason: 'FieldManagerConflict',
      message: `Somebody (field manager ${stranger}) keeps changing what certman looks after. ${what} Until that ends it is put right every two minutes only: see that nothing else manages these certificates.`,
    });
    await pause(waitMs, signal).catch(() => undefined);
    this.#delayed.delete(cluster.uid);
    return !signal.aborted && (await this.signal(cluster, what, stranger));
  }
}
