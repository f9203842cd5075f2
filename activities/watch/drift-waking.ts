/** Waking clusters because somebody changed what certman looks after: at once as a rule, at a bounded pace when it does not end. */
import { identityOf, type KnownCluster } from '../../src/clusters/what-to-signal.ts';
import { pause } from '../../src/kubernetes/backoff.ts';
import { servedSubject } from '../../src/kubernetes/served-resource.ts';
import type { WatchLogger, WatchSettings } from './dependencies.ts';
import { DriftPace } from './drift-pace.ts';
import { keyOf } from './known-fleet.ts';
import type { Teller } from './teller.ts';

export interface DriftWakingOptions {
  readonly settings: WatchSettings;
  /** Wakes one that is being served. @returns whether it was told. */
  readonly wake: (cluster: KnownCluster, what: string) => Promise<boolean>;
  readonly teller: Teller;
  readonly logger: WatchLogger;
  readonly signal: AbortSignal;
}

export class DriftWaking {
  readonly #options: DriftWakingOptions;
  readonly #pace = new DriftPace();
  /** By uid of the cluster: what comes while one is held is told with it. */
  readonly #held = new Map<string, Promise<boolean>>();

  constructor(options: DriftWakingOptions) {
    this.#options = options;
  }

  /** @param stranger field manager of who it was, where that is known. @returns whether it was told. */
  async wake(cluster: KnownCluster, what: string, stranger?: string): Promise<boolean> {
    const waitMs = this.#pace.ask(cluster.uid, performance.now());
    if (waitMs === 0) return await this.#options.wake(cluster, what);
    const held = this.#held.get(cluster.uid) ?? this.#wakeLater(cluster, what, stranger, waitMs);
    this.#held.set(cluster.uid, held);
    return await held;
  }

  async #wakeLater(cluster: KnownCluster, what: string, stranger = 'unknown', waitMs: number): Promise<boolean> {
    const { settings, teller, logger, signal } = this.#options;
    logger.warn({ cluster: keyOf(cluster), what, fieldManager: stranger }, 'Somebody keeps undoing what certman does');
    await teller.tell(servedSubject(identityOf(settings.hive, cluster)), {
      type: 'Warning',
      reason: 'Contested',
      message: `Somebody (field manager ${stranger}) keeps changing what certman looks after. ${what} Until that ends it is put right every two minutes only: see that nothing else manages these certificates.`,
    });
    await pause(waitMs, signal).catch(() => undefined);
    this.#held.delete(cluster.uid);
    return !signal.aborted && (await this.wake(cluster, what, stranger));
  }
}
