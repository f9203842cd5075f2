/** What is done about each ClusterDeployment that the watch sees: decide, tell its workflow, remember. */
import type { ClusterIdentity, ClusterView } from '../../src/clusters/cluster-view.ts';
import { gateOf } from '../../src/clusters/gates.ts';
import { type KnownCluster, rememberCluster, whatToSignal } from '../../src/clusters/what-to-signal.ts';
import { pause } from '../../src/kubernetes/backoff.ts';
import { projectClusterDeployment } from '../../src/kubernetes/cluster-deployment.ts';
import { CLUSTER_DEPLOYMENTS, type KubernetesObject } from '../../src/kubernetes/kubernetes-api.ts';
import type { WatchLogger, WatchSettings } from './dependencies.ts';
import { type KnownFleet, keyOf, type ObjectName } from './known-fleet.ts';
import { SignalRefused, type Signals } from './signals.ts';
import type { Teller } from './teller.ts';
import type { WorkByKey } from './work-by-key.ts';

/**
 * A cluster that vanishes as its finalizer is taken off has in all likelihood just been decommissioned: its workflow gets
 * this long to complete, so that it need not be told what it did itself.
 */
const GRACE_OF_RELEASE_MS = 3_000;

export interface ClusterWatchOptions {
  readonly settings: WatchSettings;
  readonly fleet: KnownFleet;
  readonly signals: Signals;
  readonly work: WorkByKey;
  readonly teller: Teller;
  readonly logger: WatchLogger;
  readonly signal: AbortSignal;
}

export class ClusterWatch {
  readonly #options: ClusterWatchOptions;

  constructor(options: ClusterWatchOptions) {
    this.#options = options;
  }

  /** Part of a list of what was dealt with before: remember it, tell nobody. */
  known(object: KubernetesObject): void {
    const projected = projectClusterDeployment(object, this.#options.settings);
    if (projected.kind === 'cluster') {
      const { fleet } = this.#options;
      fleet.remember(rememberCluster(fleet.cluster(projected.view.identity), projected.view));
    } else this.#options.fleet.rememberMalformed(nameOf(object), projected.message);
  }

  /** @returns whether it was dealt with. */
  async applied(object: KubernetesObject): Promise<boolean> {
    // Projected before it waits its turn: the rest of the object is let go at once.
    const projected = projectClusterDeployment(object, this.#options.settings);
    const name = nameOf(object);
    const uid = object.metadata.uid ?? '';
    return await this.#options.work.add(keyOf(name), () =>
      projected.kind === 'cluster' ? this.#settle(projected.view) : this.#complain(name, uid, projected.message),
    );
  }

  /** @returns whether it was dealt with. */
  async deleted(object: KubernetesObject): Promise<boolean> {
    const projected = projectClusterDeployment(object, this.#options.settings);
    const view = projected.kind === 'cluster' ? projected.view : undefined;
    return await this.vanished(nameOf(object), view);
  }

  /** It no longer exists. @param view its last state, where there is one. @returns whether it was dealt with. */
  async vanished(name: ObjectName, view?: ClusterView): Promise<boolean> {
    const { fleet, work, signal } = this.#options;
    const known = fleet.cluster(name);
    const endedHere = known !== undefined && known.gate === 'decommission' && known.finalizer;
    if (endedHere) await pause(GRACE_OF_RELEASE_MS, signal).catch(() => undefined);
    return await work.add(keyOf(name), async () => {
      const last = fleet.cluster(name);
      // Made again under its old name in the meantime, it is another one.
      if (last !== undefined && (view === undefined || last.uid === view.identity.uid)) fleet.forget(name);
      const identity = view?.identity ?? (last === undefined ? undefined : this.#identity(last));
      if (identity === undefined) return;
      const released = last !== undefined && last.gate === 'decommission' && !last.finalizer;
      const served = last === undefined ? view?.finalizer === true : last.served;
      if (!served || released) return;
      await this.#tell(identity, () => this.#options.signals.gone(goneView(identity, view)));
    });
  }

  async #settle(view: ClusterView): Promise<void> {
    const { fleet, signals, teller, logger } = this.#options;
    const previous = fleet.cluster(view.identity);
    const decision = whatToSignal(previous, view);
    if (previous !== undefined && previous.uid !== view.identity.uid && previous.served) {
      // Its deletion was missed: the old one's certificates are still to be revoked.
      const old = this.#identity(previous);
      await this.#tell(old, () => signals.gone(goneView(old, undefined)));
    }
    switch (decision.kind) {
      case 'nothing':
        break;
      case 'observed':
        await this.#tell(view.identity, () => signals.observed(view));
        break;
      case 'finalizerLost':
        await this.#tell(view.identity, () =>
          signals.surroundings(view.identity, 'The finalizer of the ClusterDeployment was removed by somebody.'),
        );
        break;
      case 'explain':
        await teller.tell(subjectOf(view.identity), {
          type: 'Warning',
          reason: decision.reason,
          message: decision.message,
        });
        break;
    }
    const gate = gateOf(view);
    if (decision.kind === 'observed' && gate.kind === 'serve' && gate.note !== undefined) {
      await teller.tell(subjectOf(view.identity), { type: 'Warning', reason: 'RelocationUnclear', message: gate.note });
    }
    if (decision.kind !== 'nothing') {
      logger.info(
        { cluster: keyOf(view.identity), gate: gate.kind, decision: decision.kind },
        'ClusterDeployment seen',
      );
    }
    fleet.remember(rememberCluster(previous, view));
  }

  async #complain(name: ObjectName, uid: string, message: string): Promise<void> {
    const { fleet, teller, logger } = this.#options;
    if (!fleet.rememberMalformed(name, message)) return;
    logger.warn({ cluster: keyOf(name), problem: message }, 'ClusterDeployment cannot be read');
    await teller.tell(
      { resource: CLUSTER_DEPLOYMENTS, ...name, uid },
      { type: 'Warning', reason: 'Malformed', message },
    );
  }

  /** One cluster that Temporal refuses must not stop the others: it is told to its people, and tried again by the comparison. */
  async #tell(cluster: ClusterIdentity, signal: () => Promise<void>): Promise<void> {
    try {
      await signal();
    } catch (error) {
      if (!(error instanceof SignalRefused)) throw error;
      this.#options.logger.error({ cluster: keyOf(cluster), error: error.message }, 'A cluster is not being served');
      await this.#options.teller.tell(subjectOf(cluster), {
        type: 'Warning',
        reason: 'WorkflowRefused',
        message: `${error.message}. It is tried again by itself.`,
      });
    }
  }

  #identity(known: KnownCluster): ClusterIdentity {
    return { hive: this.#options.settings.hive, namespace: known.namespace, name: known.name, uid: known.uid };
  }
}

function subjectOf(cluster: ClusterIdentity) {
  return {
    resource: CLUSTER_DEPLOYMENTS,
    namespace: cluster.namespace,
    name: cluster.name,
    uid: cluster.uid,
  };
}

function nameOf(object: KubernetesObject): ObjectName {
  return { namespace: object.metadata.namespace ?? '', name: object.metadata.name };
}

/** What a workflow is started with whose ClusterDeployment nobody can read any more. */
export function goneView(identity: ClusterIdentity, last: ClusterView | undefined): ClusterView {
  if (last !== undefined) return { ...last, deleting: true };
  return {
    identity,
    deleting: true,
    installed: true,
    managed: true,
    fake: false,
    paused: false,
    limitedSupport: false,
    relocation: 'none',
    finalizer: false,
    zoneName: '',
    platform: { kind: 'unsupported', found: 'unknown' },
    bundles: [],
  };
}
