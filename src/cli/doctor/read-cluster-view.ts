import type { ClusterView } from '../../clusters/cluster-view.ts';
import { CertmanError } from '../../failures/failure.ts';
import { getIfKnown } from '../../kubernetes/api/discovery.ts';
import type { KubernetesApi } from '../../kubernetes/api/kubernetes-api.ts';
import { type ProjectionSettings, projectClusterDeployment } from '../../kubernetes/objects/cluster-deployment.ts';
import { observeRequest } from '../../kubernetes/objects/observed-request.ts';
import { type StandaloneSettings, standaloneView } from '../../kubernetes/objects/request-views.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS } from '../../kubernetes/objects/resources.ts';
import type { ClusterName } from '../arguments.ts';
import { commandLine } from '../program-name.ts';

/** A cluster or standalone CertificateRequest as the controller sees it. @throws CertmanError when there is none, or it is malformed. */
export async function readClusterView(
  kubernetes: Pick<KubernetesApi, 'get'>,
  settings: ProjectionSettings & StandaloneSettings,
  name: ClusterName,
): Promise<ClusterView> {
  const deployment = await getIfKnown(kubernetes, CLUSTER_DEPLOYMENTS, name);
  const text = `${name.namespace}/${name.name}`;
  if (deployment !== undefined) {
    const projected = projectClusterDeployment(deployment, settings);
    if (projected.kind === 'cluster') return projected.view;
    throw new CertmanError({
      code: 'kubernetes/invalid',
      message: `The ClusterDeployment ${text} cannot be read: ${projected.message}`,
      remedy: `kubectl get clusterdeployment ${name.name} -n ${name.namespace} -o yaml`,
    });
  }
  const request = await getIfKnown(kubernetes, CERTIFICATE_REQUESTS, name);
  if (request !== undefined) return standaloneView(settings, observeRequest(request));
  throw new CertmanError({
    code: 'kubernetes/notFound',
    message: `There is no ClusterDeployment or CertificateRequest ${text}.`,
    remedy: `Where it was looked for, and what has its name elsewhere: ${commandLine(`explain ${text}`)}`,
  });
}
