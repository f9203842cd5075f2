/**
 * What is done about each state of what is served in its own name, a ClusterDeployment or a CertificateRequest that stands
 * alone: decide, tell its workflow, remember.
 */

import { identityOf, toCachedCluster } from '../clusters/cached-cluster.ts';
import { type ClusterIdentity, type ClusterView, deletedClusterView } from '../clusters/cluster-view.ts';
import { gateOf } from '../clusters/gate.ts';
import { decideSignal } from '../clusters/signal-decision.ts';
import { pause } from '../kubernetes/api/backoff.ts';
import { involvedObjectOf, primaryResource } from '../kubernetes/objects/primary-resource.ts';
import { KeyedRateLimiter } from '../rate-limit/gcra.ts';
import { DRIFT_SIGNALS_PER_CLUSTER } from '../rate-limit/limits.ts';
import { type ClusterWorkflowClient, SignalRejected } from './cluster-workflow-client.ts';
import { type ControllerCache, keyOf, type PrimaryName } from './controller-cache.ts';
import type { ControllerLogger, ControllerSettings } from './controller-dependencies.ts';
import type { EventRecorder } from './event-recorder.ts';
import type { KeyedWorkQueue } from './keyed-work-queue.ts';

/**
 * What vanishes as its finalizer is taken off has in all likelihood just been decommissioned: its workflow gets this long to
 * complete, so that it need not be told what it did itself.
 */
const WORKFLOW_COMPLETION_GRACE_MS = 3_000;

export interface PrimaryReconcilerOptions {
  readonly settings: ControllerSettings;
  readonly fleet: ControllerCache;
  readonly signals: ClusterWorkflowClient;
  readonly work: KeyedWorkQueue;
  readonly teller: EventRecorder;
  readonly logger: ControllerLogger;
  readonly signal: AbortSignal;
}

export class PrimaryReconciler {
  readonly #options: PrimaryReconcilerOptions;
  readonly #driftRateLimiter = new KeyedRateLimiter(DRIFT_SIGNALS_PER_CLUSTER);

  constructor(options: PrimaryReconcilerOptions) {
    this.#options = options;
  }

  /** Part of a list of what was dealt with before: remember it, tell nobody. */
  restore(view: ClusterView): void {
    const { fleet } = this.#options;
    fleet.setCluster(toCachedCluster(fleet.getCluster(view.identity), view));
  }

  /** As it is now. @returns whether it was dealt with. */
  async reconcile(view: ClusterView): Promise<boolean> {
    return await this.#options.work.add(keyOf(view.identity), () => this.#signalAndCache(view));
  }

  /** It no longer exists. @param view its last state, where there is one. @returns whether it was dealt with. */
  async reconcileDeleted(object: PrimaryName, view?: ClusterView): Promise<boolean> {
    const { fleet, work, signal, settings } = this.#options;
    const known = fleet.getCluster(object);
    const endedHere = known !== undefined && known.gate === 'decommission' && known.finalizer;
    if (endedHere) await pause(WORKFLOW_COMPLETION_GRACE_MS, signal).catch(() => undefined);
    return await work.add(keyOf(object), async () => {
      const last = fleet.getCluster(object);
      // Made again under its old name in the meantime, it is another one.
      if (last === undefined || view === undefined || last.uid === view.identity.uid) fleet.deleteCluster(object);
      const identity =
        view?.identity ?? (last === undefined ? undefined : identityOf(settings.managementCluster, last));
      if (identity === undefined) return;
      const released = last !== undefined && last.gate === 'decommission' && !last.finalizer;
      const served = last === undefined ? view?.finalizer === true : last.served;
      if (!served || released) return;
      await this.#signalOrRecordRejection(identity, () =>
        this.#options.signals.signalGone(
          view === undefined ? deletedClusterView(identity) : { ...view, deleting: true },
        ),
      );
    });
  }

  async #signalAndCache(view: ClusterView): Promise<void> {
    const { fleet, signals, teller, logger, settings } = this.#options;
    const { identity } = view;
    const { kind } = primaryResource(identity);
    const previous = fleet.getCluster(identity);
    const decision = decideSignal(previous, view);
    if (previous !== undefined && previous.uid !== identity.uid && previous.served) {
      // Its deletion was missed: the old one's certificates are still to be revoked.
      const old = identityOf(settings.managementCluster, previous);
      await this.#signalOrRecordRejection(old, () => signals.signalGone(deletedClusterView(old)));
    }
    switch (decision.kind) {
      case 'nothing':
        break;
      case 'observed':
        await this.#signalOrRecordRejection(identity, () => signals.signalObserved(view));
        break;
      case 'finalizerLost':
        // What is held back here, the comparison finds: that the finalizer is not there.
        if (this.#driftRateLimiter.tryAcquire(identity.uid, performance.now()) > 0) break;
        await this.#signalOrRecordRejection(identity, () =>
          signals.signalDependencyChanged(identity, `The finalizer of the ${kind} was removed by somebody.`),
        );
        break;
      case 'explain':
        await teller.record(involvedObjectOf(identity), {
          type: 'Warning',
          reason: decision.reason,
          message: decision.message,
        });
        break;
    }
    const gate = gateOf(view);
    if (decision.kind === 'observed' && gate.kind === 'serve' && gate.note !== undefined) {
      await teller.record(involvedObjectOf(identity), {
        type: 'Warning',
        reason: 'InvalidRelocateAnnotation',
        message: gate.note,
      });
    }
    if (decision.kind !== 'nothing') {
      logger.info({ cluster: keyOf(identity), gate: gate.kind, decision: decision.kind }, `${kind} seen`);
    }
    fleet.setCluster(toCachedCluster(previous, view));
  }

  /** One that Temporal refuses must not stop the others: it is told to its people, and tried again by the comparison. */
  async #signalOrRecordRejection(identity: ClusterIdentity, signal: () => Promise<void>): Promise<void> {
    try {
      await signal();
    } catch (error) {
      if (!(error instanceof SignalRejected)) throw error;
      this.#options.logger.error({ cluster: keyOf(identity), error: error.message }, 'A cluster is not being served');
      await this.#options.teller.record(involvedObjectOf(identity), {
        type: 'Warning',
        reason: 'SignalRejected',
        message: `${error.message}. It is tried again by itself.`,
      });
    }
  }
}
