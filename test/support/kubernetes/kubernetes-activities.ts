/** The Kubernetes activities with certman's own rights, and what they make of a cluster with the bundle `primary`. */
import { createKubernetesActivities } from '../../../activities/kubernetes.ts';
import type { ClusterView } from '../../../src/clusters/cluster-view.ts';
import type { KubernetesApi, KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { projectClusterDeployment } from '../../../src/kubernetes/objects/cluster-deployment.ts';
import { MissingFinalizers } from '../../../src/kubernetes/objects/missing-finalizers.ts';
import { createOperatorSettings } from '../../../src/kubernetes/objects/operator-settings.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS } from '../../../src/kubernetes/objects/resources.ts';
import { ServedBundles } from '../../../src/kubernetes/objects/served-bundles.ts';
import { runActivity } from '../temporal/run-activity.ts';
import { bundleView } from '../workflows/cluster-views.ts';
import { OPERATOR_NAMESPACE, type TestManagementCluster } from './management-cluster.ts';

export const bundle = bundleView();

export const clusterKey = ({ identity: { namespace, name } }: ClusterView) => ({ namespace, name });
export const requestKey = ({ identity: { namespace, name } }: ClusterView) => ({ namespace, name: `${name}-primary` });
export const secretKey = ({ identity: { namespace } }: ClusterView) => ({ namespace, name: bundle.secretName });

const PROJECTION = { managementCluster: 'hive' };

export function kubernetesActivities(
  kubernetes: KubernetesApi,
  operatorNamespace = OPERATOR_NAMESPACE,
  missingFinalizers?: MissingFinalizers,
) {
  return createKubernetesActivities({
    kubernetes,
    settings: createOperatorSettings({ kubernetes, operatorNamespace }),
    caHost: async () => undefined,
    decommission: { policy: 'release', limitMs: 24 * 3_600_000 },
    bundles: new ServedBundles(kubernetes, PROJECTION),
    projection: PROJECTION,
    missingFinalizers,
    workflowTaskSlots: 20,
  });
}

/** What the watch of a worker has observed: the object as it is now. */
export function observedMissing(object: KubernetesObject): MissingFinalizers {
  const projected = projectClusterDeployment(object, PROJECTION);
  if (projected.kind === 'malformed') throw new Error(projected.message);
  const missing = new MissingFinalizers();
  missing.observe(projected.view);
  return missing;
}

/** For a whole test file, on its management cluster. */
export function useKubernetesActivities(managementCluster: () => TestManagementCluster) {
  const activities = () => kubernetesActivities(managementCluster().certman);
  return {
    activities,
    apply: (view: ClusterView, acts = activities()) =>
      runActivity((input) => acts.applyCertificateRequest(input), {
        cluster: view.identity,
        bundleName: bundle.name,
      }),
    /** Hive, or a person, no longer asks for the bundle. */
    dropBundles: async (view: ClusterView): Promise<void> => {
      await managementCluster().admin.patch(CLUSTER_DEPLOYMENTS, clusterKey(view), [
        { op: 'add', path: '/spec/certificateBundles', value: [] },
      ]);
    },
    /** The finalizer holds it. */
    beginDeletion: async (view: ClusterView): Promise<void> => {
      await managementCluster().admin.delete(CLUSTER_DEPLOYMENTS, clusterKey(view));
    },
    getRequest: (view: ClusterView) => managementCluster().admin.get(CERTIFICATE_REQUESTS, requestKey(view)),
    getCluster: (view: ClusterView) => managementCluster().admin.get(CLUSTER_DEPLOYMENTS, clusterKey(view)),
  };
}
