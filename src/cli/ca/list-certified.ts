import type { ClusterView } from '../../clusters/cluster-view.ts';
import { gateOf } from '../../clusters/gate.ts';
import type { KubernetesApi } from '../../kubernetes/api/kubernetes-api.ts';
import { type ProjectionSettings, projectClusterDeployment } from '../../kubernetes/objects/cluster-deployment.ts';
import { observeRequest } from '../../kubernetes/objects/observed-request.ts';
import { type StandaloneSettings, standaloneView } from '../../kubernetes/objects/request-views.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS } from '../../kubernetes/objects/resources.ts';
import { selectorFailure } from '../selection.ts';

/** A ClusterDeployment or standalone CertificateRequest that is served, with the names of its certificates. */
export interface CertifiedNames {
  /** `namespace/name`. */
  readonly cluster: string;
  readonly dnsNames: readonly string[];
}

/** Which of them. */
export interface FleetSelection {
  readonly namespace?: string;
  /** Of labels of the ClusterDeployments and CertificateRequests. */
  readonly labelSelector?: string;
}

/** Those that are served, without those that have no valid name. @throws UsageError for labels that are none; CertmanError `kubernetes/…`. */
export async function listCertified(
  kubernetes: KubernetesApi,
  settings: ProjectionSettings & StandaloneSettings,
  selection: FleetSelection,
): Promise<readonly CertifiedNames[]> {
  const found: CertifiedNames[] = [];
  try {
    for await (const object of kubernetes.list(CLUSTER_DEPLOYMENTS, selection)) {
      const projected = projectClusterDeployment(object, settings);
      if (projected.kind === 'cluster') found.push(...namesOf(projected.view));
    }
    for await (const object of kubernetes.list(CERTIFICATE_REQUESTS, selection)) {
      const request = observeRequest(object);
      if (request.owner === undefined) found.push(...namesOf(standaloneView(settings, request)));
    }
    return found;
  } catch (error) {
    throw selectorFailure(error, selection.labelSelector);
  }
}

function namesOf(view: ClusterView): readonly CertifiedNames[] {
  if (gateOf(view).kind !== 'serve') return [];
  const all = view.bundles.flatMap(({ names }) => (names.kind === 'valid' ? names.dnsNames : []));
  const { namespace, name } = view.identity;
  return all.length === 0 ? [] : [{ cluster: `${namespace}/${name}`, dnsNames: [...new Set(all)] }];
}
