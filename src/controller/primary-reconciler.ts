import { toCachedCluster } from '../clusters/cached-cluster.ts';
import { type ClusterRef, identityOf, type ObjectRef } from '../clusters/cluster-identity.ts';
import { type ClusterView, deletedClusterView } from '../clusters/cluster-view.ts';
import { gateOf } from '../clusters/gate.ts';
import { decideSignal } from '../clusters/signal-decision.ts';
import { dependencyChanged } from '../contract/cluster-certificates.ts';
import { pause } from '../kubernetes/api/backoff.ts';
import { primaryResource } from '../kubernetes/objects/primary-object.ts';
import { KeyedRateLimiter } from '../rate-limit/gcra.ts';
import { DRIFT_SIGNALS_PER_CLUSTER } from '../rate-limit/limits.ts';
import { SignalRejected } from './cluster-workflow-client.ts';
import type { ControllerContext } from './controller-context.ts';
import { recordWarning } from './event-recorder.ts';
import type { ResourceEventHandler } from './informer.ts';
import { keyOf } from './namespaced-name.ts';
import type { ObservedBefore } from './observed-before.ts';

/** Lets the workflow of a just decommissioned object complete, so that it is not signalled what it did itself. */
const WORKFLOW_COMPLETION_GRACE_MS = 3_000;

/** Handles the events of a primary resource. */
export interface PrimaryEventHandler extends ResourceEventHandler {
  /** For a deletion that no event showed. @param gone the object that is missing, not another one of its name. */
  onMissedDelete(gone: ObjectRef): Promise<void>;
}

/** Compares ClusterDeployments and standalone CertificateRequests with the cache, and signals what changed. */
export class PrimaryReconciler {
  readonly #context: ControllerContext;
  readonly #observedBefore: ObservedBefore;
  readonly #driftRateLimiter = new KeyedRateLimiter(DRIFT_SIGNALS_PER_CLUSTER);

  constructor(context: ControllerContext, observedBefore: ObservedBefore) {
    this.#context = context;
    this.#observedBefore = observedBefore;
  }

  /** Caches a state that an earlier worker has reconciled. */
  restore(view: ClusterView): void {
    const { cache } = this.#context;
    cache.setCluster(toCachedCluster(cache.getCluster(view.identity), view));
  }

  /** @param from a list: in the background, but for deletions. */
  async reconcile(view: ClusterView, from: 'list' | 'watch' = 'watch'): Promise<void> {
    const lane = from === 'list' && !view.deleting ? 'background' : 'foreground';
    const { queue, metrics, missingFinalizers } = this.#context;
    missingFinalizers?.observe(view);
    const seenAt = performance.now();
    await queue.add(keyOf(view.identity), () => this.#signalAndCache(view, from), lane);
    // Of a list, the queue is the reason: how long it takes does not say how late the watch is.
    if (from === 'watch') metrics.signalDelay.observe({}, (performance.now() - seenAt) / 1000);
  }

  /**
   * Signals nothing if never served, or if the workflow removed the finalizer.
   * @param gone named by uid: another one of its name may be created at any moment. @param view last state, if seen.
   */
  async reconcileDeleted(gone: ClusterRef, view?: ClusterView): Promise<void> {
    const { cache, queue, workflows, signal, settings, missingFinalizers } = this.#context;
    missingFinalizers?.forget(gone);
    const cached = cache.getCluster(gone);
    if (cached?.uid === gone.uid && cached.gate === 'decommission' && cached.finalizer) {
      await pause(WORKFLOW_COMPLETION_GRACE_MS, signal);
    }
    await queue.add(keyOf(gone), async () => {
      const last = cache.deleteCluster(gone);
      const released = last?.gate === 'decommission' && !last.finalizer;
      const served = last?.served ?? view?.finalizer === true;
      if (!served || released) return;
      const identity = identityOf(settings.managementCluster, gone);
      const deleted = view === undefined ? deletedClusterView(identity) : { ...view, deleting: true };
      await this.#signal(identity, () => workflows.signalGone(deleted));
    });
  }

  async #signalAndCache(view: ClusterView, from: 'list' | 'watch'): Promise<void> {
    const { cache, workflows, logger, settings } = this.#context;
    const { identity } = view;
    const { kind } = primaryResource(identity);
    const previous = cache.getCluster(identity);
    const decision = decideSignal(previous, view);
    const gate = gateOf(view);
    if (previous !== undefined && previous.uid !== identity.uid && previous.served) {
      // The deletion of its predecessor was missed, whose certificates are still to be revoked.
      const predecessor = identityOf(settings.managementCluster, previous);
      await this.#signal(predecessor, () => workflows.signalGone(deletedClusterView(predecessor)));
    }
    let taken = true;
    switch (decision.kind) {
      case 'nothing':
        break;
      case 'observed':
        taken = await this.#signal(identity, () =>
          from === 'list' && previous === undefined ? this.#observeListed(view) : workflows.signalObserved(view),
        );
        if (gate.kind === 'serve' && gate.note !== undefined) {
          await recordWarning(this.#context, identity, 'InvalidRelocateAnnotation', gate.note);
        }
        break;
      case 'finalizerLost': {
        // The resync finds the missing finalizer when the limit is exceeded.
        if (this.#driftRateLimiter.tryAcquire(identity.uid, performance.now()) > 0) break;
        const what = `The finalizer of the ${kind} was removed.`;
        // Refused, it is drift to the resync.
        await this.#signal(identity, () => workflows.signal(identity, dependencyChanged, { what }));
        break;
      }
      case 'explain':
        await recordWarning(this.#context, identity, decision.reason, decision.message);
        break;
    }
    if (decision.kind !== 'nothing') {
      logger.info({ cluster: keyOf(identity), gate: gate.kind, decision: decision.kind }, `${kind} reconciled`);
    }
    cache.setCluster(toCachedCluster(previous, view, taken));
  }

  /** For a cluster of a list that was not known. */
  async #observeListed(view: ClusterView): Promise<void> {
    if (this.#observedBefore.has(view)) return;
    const taken = await this.#context.workflows.startOrSignalObserved(view);
    if (taken === 'signalled') this.#observedBefore.ask();
  }

  /** A rejection affects this cluster only: it is recorded as an Event, and the resync repeats the signal. */
  async #signal(cluster: ClusterRef, signal: () => Promise<void>): Promise<boolean> {
    try {
      await signal();
      return true;
    } catch (error) {
      if (!(error instanceof SignalRejected)) throw error;
      const fields = { cluster: keyOf(cluster), error: error.message };
      this.#context.logger.error(fields, 'A cluster is not being served');
      const message = `${error.message}. certman retries by itself.`;
      await recordWarning(this.#context, cluster, 'SignalRejected', message);
      return false;
    }
  }
}
