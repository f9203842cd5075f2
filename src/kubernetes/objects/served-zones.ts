import { sharedText } from '../../cache/shared-values.ts';
import type { ClusterView } from '../../clusters/cluster-view.ts';
import { gateOf } from '../../clusters/gate.ts';
import { type ZoneTarget, zoneTargetOf } from '../../clusters/zone-target.ts';
import { isFailure } from '../../failures/failure.ts';
import type { KubernetesApi } from '../api/kubernetes-api.ts';
import { type ProjectionSettings, projectClusterDeployment } from './cluster-deployment.ts';
import { observeRequest } from './observed-request.ts';
import { type StandaloneSettings, standaloneView } from './request-views.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS } from './resources.ts';
import { sharedPlatform } from './shared-platform.ts';

/**
 * The zone of each object that is served: ClusterDeployments first, then standalone CertificateRequests, whose authors may name
 * any zone. @throws CertmanError `kubernetes/…`.
 */
export async function listServedZones(
  kubernetes: KubernetesApi,
  settings: ProjectionSettings & StandaloneSettings,
): Promise<ZoneTarget[]> {
  const zones: ZoneTarget[] = [];
  try {
    for await (const object of kubernetes.list(CLUSTER_DEPLOYMENTS)) {
      const projected = projectClusterDeployment(object, settings);
      if (projected.kind === 'cluster' && isServed(projected.view)) zones.push(compactTargetOf(projected.view));
    }
  } catch (error) {
    // Without Hive there are standalone CertificateRequests.
    if (!isFailure(error, 'kubernetes/notFound')) throw error;
  }
  for await (const object of kubernetes.list(CERTIFICATE_REQUESTS)) {
    const request = observeRequest(object);
    const view = standaloneView(settings, request);
    if (request.owner === undefined && isServed(view)) zones.push(compactTargetOf(view));
  }
  return zones;
}

/** Each is in memory until its turn in a sweep, which takes an hour for 3,600 clusters. */
function compactTargetOf(view: ClusterView): ZoneTarget {
  const { zoneName, platform, ...target } = zoneTargetOf(view);
  // Field by field: V8 keeps a spread object in two parts.
  return {
    namespace: sharedText(target.namespace),
    clusterName: sharedText(target.clusterName),
    zoneName: sharedText(zoneName),
    platform: sharedPlatform(platform),
    kind: target.kind,
  };
}

/** Whether certman acts for it at present: not where it is paused, or in a move between management clusters. */
function isServed(view: ClusterView): boolean {
  return view.zoneName !== '' && gateOf(view).kind === 'serve';
}
