import type { ObjectRef } from '../clusters/cluster-identity.ts';
import type { KubernetesObject } from '../kubernetes/api/kubernetes-api.ts';
import { projectClusterDeployment } from '../kubernetes/objects/cluster-deployment.ts';
import type { ControllerContext } from './controller-context.ts';
import { recordWarning } from './event-recorder.ts';
import { keyOf, nameOf } from './namespaced-name.ts';
import type { PrimaryEventHandler, PrimaryReconciler } from './primary-reconciler.ts';

/** Reconciles the ClusterDeployments that can be read, and reports the problem of the others. */
export function clusterDeploymentHandler(
  context: ControllerContext,
  reconciler: PrimaryReconciler,
  onOwnersChanged: (namespace: string) => Promise<void>,
): PrimaryEventHandler {
  const { cache, queue, settings, logger } = context;

  const reportMalformed = async (ref: ObjectRef, problem: string): Promise<void> => {
    const cached = cache.malformed.get(ref);
    if (cached?.uid === ref.uid && cached.problem === problem) return;
    cache.malformed.set({ ...ref, problem });
    logger.warn({ cluster: keyOf(ref), problem }, 'ClusterDeployment cannot be read');
    await recordWarning(context, ref, 'InvalidClusterDeployment', problem);
  };

  const onMissedDelete = async ({ namespace, name, uid }: ObjectRef): Promise<void> => {
    await reconciler.reconcileDeleted({ namespace, name, uid });
    await onOwnersChanged(namespace);
  };

  return {
    onMissedDelete,
    onListed(object) {
      const projected = projectClusterDeployment(object, settings);
      if (projected.kind === 'cluster') reconciler.restore(projected.view);
      else cache.malformed.set({ ...refOf(object), problem: projected.message });
    },
    async onUpsert(object, from) {
      // Projected before it is queued, so that the rest of the object can be freed.
      const projected = projectClusterDeployment(object, settings);
      const ref = refOf(object);
      if (projected.kind === 'cluster') await reconciler.reconcile(projected.view, from);
      else await queue.add(keyOf(ref), () => reportMalformed(ref, projected.message));
      await onOwnersChanged(ref.namespace);
    },
    async onDelete(object) {
      const projected = projectClusterDeployment(object, settings);
      const gone = refOf(object);
      await reconciler.reconcileDeleted(gone, projected.kind === 'cluster' ? projected.view : undefined);
      await onOwnersChanged(gone.namespace);
    },
    async onSynced(keys) {
      const deleted = [...cache.deployments.all(), ...cache.malformed.all()].filter((name) => !keys.has(keyOf(name)));
      await Promise.all(deleted.map(onMissedDelete));
    },
  };
}

function refOf(object: KubernetesObject): ObjectRef {
  return { ...nameOf(object), uid: object.metadata.uid ?? '' };
}
