import { type ClusterView, clusterDigest } from '../clusters/cluster-view.ts';
import { isFailure } from '../failures/failure.ts';
import type { ControllerContext } from './controller-context.ts';

/**
 * The clusters of a first list whose running workflows have observed them as they are: an earlier worker was interrupted
 * before it had handled the whole list, and left no position. They need no signal, so that the clusters that have no
 * workflow yet do not wait behind them. What the list of workflows misses is signalled.
 */
export class ObservedBefore {
  readonly #context: Pick<ControllerContext, 'workflows' | 'logger' | 'signal'>;
  readonly #asked = Promise.withResolvers<void>();
  /** Digest of the view that a workflow observed last, by uid; undefined when it does not say. */
  #digests: ReadonlyMap<string, string | undefined> = new Map();
  #isOver = false;
  #count = 0;

  constructor(context: Pick<ControllerContext, 'workflows' | 'logger' | 'signal'>) {
    this.#context = context;
  }

  /** Whether the running workflow of the cluster has observed this view. A deletion, or a missing finalizer, is signalled. */
  has(view: ClusterView): boolean {
    if (view.deleting || !view.finalizer || this.#digests.get(view.identity.uid) !== clusterDigest(view)) return false;
    this.#count += 1;
    return true;
  }

  /** A cluster of the first list has a workflow: the others may have one too. */
  ask(): void {
    this.#asked.resolve();
  }

  /** Lists the running workflows once that is asked for. Clusters of which it is not known yet are signalled meanwhile. */
  async run(): Promise<void> {
    await this.#asked.promise;
    if (this.#isOver) return;
    const { workflows, logger, signal } = this.#context;
    try {
      const running = await workflows.listRunning();
      if (!this.#isOver) this.#digests = new Map(Array.from(running, ([uid, { viewDigest }]) => [uid, viewDigest]));
    } catch (error) {
      signal.throwIfAborted();
      if (!isFailure(error, 'temporal/visibilityUnavailable')) throw error;
      logger.warn({ problem: error.message }, 'The workflows cannot be listed; every cluster is signalled');
    }
  }

  /** The first lists are handled. */
  forget(): void {
    if (this.#count > 0) this.#context.logger.info({ clusters: this.#count }, 'Workflows had observed clusters before');
    this.#isOver = true;
    this.#digests = new Map();
    this.#asked.resolve();
  }
}
