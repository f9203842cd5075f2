/**
 * What is done about each state of what is served in its own name, a ClusterDeployment or a CertificateRequest that stands
 * alone: decide, tell its workflow, remember.
 */
import type { ClusterIdentity, ClusterView } from '../../src/clusters/cluster-view.ts';
import { gateOf } from '../../src/clusters/gates.ts';
import { goneView } from '../../src/clusters/gone-view.ts';
import { identityOf, rememberCluster, whatToSignal } from '../../src/clusters/what-to-signal.ts';
import { pause } from '../../src/kubernetes/backoff.ts';
import { servedResource, servedSubject } from '../../src/kubernetes/served-resource.ts';
import type { WatchLogger, WatchSettings } from './dependencies.ts';
import { DriftPace } from './drift-pace.ts';
import { type KnownFleet, keyOf, type ServedName } from './known-fleet.ts';
import { SignalRefused, type Signals } from './signals.ts';
import type { Teller } from './teller.ts';
import type { WorkByKey } from './work-by-key.ts';

/**
 * What vanishes as its finalizer is taken off has in all likelihood just been decommissioned: its workflow gets this long to
 * complete, so that it need not be told what it did itself.
 */
const GRACE_OF_RELEASE_MS = 3_000;

export interface ServedWatchOptions {
  readonly settings: WatchSettings;
  readonly fleet: KnownFleet;
  readonly signals: Signals;
  readonly work: WorkByKey;
  readonly teller: Teller;
  readonly logger: WatchLogger;
  readonly signal: AbortSignal;
}

export class ServedWatch {
  readonly #options: ServedWatchOptions;
  readonly #pace = new DriftPace();

  constructor(options: ServedWatchOptions) {
    this.#options = options;
  }

  /** Part of a list of what was dealt with before: remember it, tell nobody. */
  known(view: ClusterView): void {
    const { fleet } = this.#options;
    fleet.remember(rememberCluster(fleet.cluster(view.identity), view));
  }

  /** As it is now. @returns whether it was dealt with. */
  async applied(view: ClusterView): Promise<boolean> {
    return await this.#options.work.add(keyOf(view.identity), () => this.#settle(view));
  }

  /** It no longer exists. @param view its last state, where there is one. @returns whether it was dealt with. */
  async vanished(object: ServedName, view?: ClusterView): Promise<boolean> {
    const { fleet, work, signal, settings } = this.#options;
    const known = fleet.cluster(object);
    const endedHere = known !== undefined && known.gate === 'decommission' && known.finalizer;
    if (endedHere) await pause(GRACE_OF_RELEASE_MS, signal).catch(() => undefined);
    return await work.add(keyOf(object), async () => {
      const last = fleet.cluster(object);
      // Made again under its old name in the meantime, it is another one.
      if (last === undefined || view === undefined || last.uid === view.identity.uid) fleet.forget(object);
      const identity = view?.identity ?? (last === undefined ? undefined : identityOf(settings.hive, last));
      if (identity === undefined) return;
      const released = last !== undefined && last.gate === 'decommission' && !last.finalizer;
      const served = last === undefined ? view?.finalizer === true : last.served;
      if (!served || released) return;
      await this.#tell(identity, () =>
        this.#options.signals.gone(view === undefined ? goneView(identity) : { ...view, deleting: true }),
      );
    });
  }

  async #settle(view: ClusterView): Promise<void> {
    const { fleet, signals, teller, logger, settings } = this.#options;
    const { identity } = view;
    const { kind } = servedResource(identity);
    const previous = fleet.cluster(identity);
    const decision = whatToSignal(previous, view);
    if (previous !== undefined && previous.uid !== identity.uid && previous.served) {
      // Its deletion was missed: the old one's certificates are still to be revoked.
      const old = identityOf(settings.hive, previous);
      await this.#tell(old, () => signals.gone(goneView(old)));
    }
    switch (decision.kind) {
      case 'nothing':
        break;
      case 'observed':
        await this.#tell(identity, () => signals.observed(view));
        break;
      case 'finalizerLost':
        // What is held back here, the comparison finds: that the finalizer is not there.
        if (this.#pace.ask(identity.uid, performance.now()) > 0) break;
        await this.#tell(identity, () =>
          signals.surroundings(identity, `The finalizer of the ${kind} was removed by somebody.`),
        );
        break;
      case 'explain':
        await teller.tell(servedSubject(identity), {
          type: 'Warning',
          reason: decision.reason,
          message: decision.message,
        });
        break;
    }
    const gate = gateOf(view);
    if (decision.kind === 'observed' && gate.kind === 'serve' && gate.note !== undefined) {
      await teller.tell(servedSubject(identity), { type: 'Warning', reason: 'RelocationUnclear', message: gate.note });
    }
    if (decision.kind !== 'nothing') {
      logger.info({ cluster: keyOf(identity), gate: gate.kind, decision: decision.kind }, `${kind} seen`);
    }
    fleet.remember(rememberCluster(previous, view));
  }

  /** One that Temporal refuses must not stop the others: it is told to its people, and tried again by the comparison. */
  async #tell(identity: ClusterIdentity, signal: () => Promise<void>): Promise<void> {
    try {
      await signal();
    } catch (error) {
      if (!(error instanceof SignalRefused)) throw error;
      this.#options.logger.error({ cluster: keyOf(identity), error: error.message }, 'A cluster is not being served');
      await this.#options.teller.tell(servedSubject(identity), {
        type: 'Warning',
        reason: 'WorkflowRefused',
        message: `${error.message}. It is tried again by itself.`,
      });
    }
  }
}
