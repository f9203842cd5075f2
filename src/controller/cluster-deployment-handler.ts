import { projectClusterDeployment } from '../kubernetes/objects/cluster-deployment.ts';
import { keyOf, type NamespacedName, nameOf } from './controller-cache.ts';
import type { ControllerContext } from './controller-context.ts';
import { recordWarning } from './event-recorder.ts';
import type { PrimaryEventHandler, PrimaryReconciler } from './primary-reconciler.ts';

/** Reconciles the ClusterDeployments that can be read, and reports the problem of the others. */
export function clusterDeploymentHandler(
  context: ControllerContext,
  reconciler: PrimaryReconciler,
  onOwnersChanged: (namespace: string) => Promise<void>,
): PrimaryEventHandler {
  const { cache, queue, settings, logger } = context;

  const reportMalformed = async (name: NamespacedName, uid: string, problem: string): Promise<void> => {
    if (cache.malformed.get(name)?.problem === problem) return;
    cache.malformed.set({ ...name, problem });
    logger.warn({ cluster: keyOf(name), problem }, 'ClusterDeployment cannot be read');
    await recordWarning(context, { ...name, uid }, 'InvalidClusterDeployment', problem);
  };

  const onMissedDelete = async (name: NamespacedName): Promise<void> => {
    await reconciler.reconcileDeleted(name);
    await onOwnersChanged(name.namespace);
  };

  return {
    onMissedDelete,
    onListed(object) {
      const projected = projectClusterDeployment(object, settings);
      if (projected.kind === 'cluster') reconciler.restore(projected.view);
      else cache.malformed.set({ ...nameOf(object), problem: projected.message });
    },
    async onUpsert(object) {
      // Projected before it is queued, so that the rest of the object can be freed.
      const projected = projectClusterDeployment(object, settings);
      const { uid = '' } = object.metadata;
      const name = nameOf(object);
      if (projected.kind === 'cluster') await reconciler.reconcile(projected.view);
      else await queue.add(keyOf(name), () => reportMalformed(name, uid, projected.message));
      await onOwnersChanged(name.namespace);
    },
    async onDelete(object) {
      const projected = projectClusterDeployment(object, settings);
      const name = nameOf(object);
      await reconciler.reconcileDeleted(name, projected.kind === 'cluster' ? projected.view : undefined);
      await onOwnersChanged(name.namespace);
    },
    async onSynced(keys) {
      const deleted = [...cache.deployments.all(), ...cache.malformed.all()].filter((name) => !keys.has(keyOf(name)));
      await Promise.all(deleted.map(onMissedDelete));
    },
  };
}
