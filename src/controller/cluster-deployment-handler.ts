/** What is done about each ClusterDeployment that the watch sees: one that can be read is served, of the others it is said why not. */

import { type KubernetesObject } from '../kubernetes/api/kubernetes-api.ts';
import { projectClusterDeployment } from '../kubernetes/objects/cluster-deployment.ts';
import { CLUSTER_DEPLOYMENTS } from '../kubernetes/objects/resources.ts';
import { keyOf, type NamespacedName } from './controller-cache.ts';
import type { PrimaryReconciler, PrimaryReconcilerOptions } from './primary-reconciler.ts';

export interface ClusterDeploymentHandlerOptions
  extends Pick<PrimaryReconcilerOptions, 'settings' | 'fleet' | 'work' | 'teller' | 'logger'> {
  readonly served: PrimaryReconciler;
  /** Told of a namespace in which a ClusterDeployment came, changed or went. @returns whether that was dealt with. */
  readonly onOwnersChanged: (namespace: string) => Promise<boolean>;
}

export class ClusterDeploymentHandler {
  readonly #options: ClusterDeploymentHandlerOptions;

  constructor(options: ClusterDeploymentHandlerOptions) {
    this.#options = options;
  }

  /** Part of a list of what was dealt with before: remember it, tell nobody. */
  onListed(object: KubernetesObject): void {
    const { served, fleet, settings } = this.#options;
    const projected = projectClusterDeployment(object, settings);
    if (projected.kind === 'cluster') served.restore(projected.view);
    else fleet.setMalformed(nameOf(object), projected.message);
  }

  /** @returns whether it was dealt with. */
  async onUpsert(object: KubernetesObject): Promise<boolean> {
    const { served, work, settings, onOwnersChanged } = this.#options;
    // Projected before it waits its turn: the rest of the object is let go at once.
    const projected = projectClusterDeployment(object, settings);
    const name = nameOf(object);
    const uid = object.metadata.uid ?? '';
    const dealtWith =
      projected.kind === 'cluster'
        ? await served.reconcile(projected.view)
        : await work.add(keyOf(name), () => this.#recordMalformed(name, uid, projected.message));
    return (await onOwnersChanged(name.namespace)) && dealtWith;
  }

  /** @returns whether it was dealt with. */
  async onDelete(object: KubernetesObject): Promise<boolean> {
    const { served, settings, onOwnersChanged } = this.#options;
    const projected = projectClusterDeployment(object, settings);
    const name = nameOf(object);
    const dealtWith = await served.reconcileDeleted(name, projected.kind === 'cluster' ? projected.view : undefined);
    return (await onOwnersChanged(name.namespace)) && dealtWith;
  }

  /** It no longer exists, and nobody saw it go. @returns whether it was dealt with. */
  async onMissedDelete(name: NamespacedName): Promise<boolean> {
    const { served, onOwnersChanged } = this.#options;
    const dealtWith = await served.reconcileDeleted(name);
    return (await onOwnersChanged(name.namespace)) && dealtWith;
  }

  /** A list is complete. @param keys of those that exist. */
  async onSynced(keys: ReadonlySet<string>): Promise<boolean> {
    const { fleet } = this.#options;
    const vanished = [...fleet.allDeployments(), ...fleet.malformed()].filter((object) => !keys.has(keyOf(object)));
    return (await Promise.all(vanished.map((object) => this.onMissedDelete(object)))).every(Boolean);
  }

  async #recordMalformed(name: NamespacedName, uid: string, message: string): Promise<void> {
    const { fleet, teller, logger } = this.#options;
    if (!fleet.setMalformed(name, message)) return;
    logger.warn({ cluster: keyOf(name), problem: message }, 'ClusterDeployment cannot be read');
    await teller.record(
      { resource: CLUSTER_DEPLOYMENTS, ...name, uid },
      { type: 'Warning', reason: 'InvalidClusterDeployment', message },
    );
  }
}

function nameOf(object: KubernetesObject): NamespacedName {
  return { namespace: object.metadata.namespace ?? '', name: object.metadata.name };
}
