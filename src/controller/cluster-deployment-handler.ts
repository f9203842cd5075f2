import type { KubernetesObject } from '../kubernetes/api/kubernetes-api.ts';
import { projectClusterDeployment } from '../kubernetes/objects/cluster-deployment.ts';
import { CLUSTER_DEPLOYMENTS } from '../kubernetes/objects/resources.ts';
import { keyOf, type NamespacedName, nameOf } from './controller-cache.ts';
import type { ControllerContext } from './controller-context.ts';
import type { ResourceEventHandler } from './informer.ts';
import type { PrimaryReconciler } from './primary-reconciler.ts';

/** Reconciles the ClusterDeployments that can be read, and reports the problem of the others. */
export class ClusterDeploymentHandler implements ResourceEventHandler {
  readonly #context: ControllerContext;
  readonly #reconciler: PrimaryReconciler;
  readonly #onOwnersChanged: (namespace: string) => Promise<void>;

  constructor(
    context: ControllerContext,
    reconciler: PrimaryReconciler,
    onOwnersChanged: (namespace: string) => Promise<void>,
  ) {
    this.#context = context;
    this.#reconciler = reconciler;
    this.#onOwnersChanged = onOwnersChanged;
  }

  onListed(object: KubernetesObject): void {
    const { cache, settings } = this.#context;
    const projected = projectClusterDeployment(object, settings);
    if (projected.kind === 'cluster') this.#reconciler.restore(projected.view);
    else cache.setMalformed(nameOf(object), projected.message);
  }

  async onUpsert(object: KubernetesObject): Promise<void> {
    // Projected before it is queued, so that the rest of the object can be freed.
    const projected = projectClusterDeployment(object, this.#context.settings);
    const { uid = '' } = object.metadata;
    const name = nameOf(object);
    if (projected.kind === 'cluster') await this.#reconciler.reconcile(projected.view);
    else await this.#context.queue.add(keyOf(name), () => this.#reportMalformed(name, uid, projected.message));
    await this.#onOwnersChanged(name.namespace);
  }

  async onDelete(object: KubernetesObject): Promise<void> {
    const projected = projectClusterDeployment(object, this.#context.settings);
    const name = nameOf(object);
    await this.#reconciler.reconcileDeleted(name, projected.kind === 'cluster' ? projected.view : undefined);
    await this.#onOwnersChanged(name.namespace);
  }

  async onMissedDelete(name: NamespacedName): Promise<void> {
    await this.#reconciler.reconcileDeleted(name);
    await this.#onOwnersChanged(name.namespace);
  }

  async onSynced(keys: ReadonlySet<string>): Promise<void> {
    const { deployments, malformed } = this.#context.cache;
    const deleted = [...deployments.all(), ...malformed.names()].filter((name) => !keys.has(keyOf(name)));
    await Promise.all(deleted.map((name) => this.onMissedDelete(name)));
  }

  async #reportMalformed(name: NamespacedName, uid: string, problem: string): Promise<void> {
    const { cache, events, logger } = this.#context;
    if (!cache.setMalformed(name, problem)) return;
    logger.warn({ cluster: keyOf(name), problem }, 'ClusterDeployment cannot be read');
    await events.warn({ resource: CLUSTER_DEPLOYMENTS, ...name, uid }, 'InvalidClusterDeployment', problem);
  }
}
