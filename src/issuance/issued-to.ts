import { requestName } from '../clusters/request-name.ts';
import type { BundleRef } from '../contract/activities/bundle-ref.ts';
import type { KubernetesApi, KubernetesObject } from '../kubernetes/api/kubernetes-api.ts';
import { clusterOwnersOf } from '../kubernetes/objects/certificate-request.ts';
import { isStandalone } from '../kubernetes/objects/primary-object.ts';
import { CERTIFICATE_REQUESTS } from '../kubernetes/objects/resources.ts';

/** The bundle; of a cluster that has claimed a standalone request also that one, whose workflow hands over its list. */
export function bundlesOf({ cluster, bundleName }: BundleRef, request?: KubernetesObject): readonly BundleRef[] {
  const { name, uid } = request?.metadata ?? {};
  if (name === undefined || uid === undefined) return [{ cluster, bundleName }];
  return [
    { cluster, bundleName },
    { cluster: { ...cluster, name, uid }, bundleName: name },
  ];
}

/** The same, with the CertificateRequest that the ClusterDeployment owns by uid. @throws CertmanError `kubernetes/…` */
export async function readBundlesOf(kubernetes: KubernetesApi, bundle: BundleRef): Promise<readonly BundleRef[]> {
  const { cluster, bundleName } = bundle;
  if (isStandalone(cluster)) return bundlesOf(bundle);
  const name = requestName(cluster.name, bundleName);
  const found = await kubernetes.get(CERTIFICATE_REQUESTS, { namespace: cluster.namespace, name });
  const isOwn = found !== undefined && clusterOwnersOf(found.metadata).some(({ uid }) => uid === cluster.uid);
  return bundlesOf(bundle, isOwn ? found : undefined);
}
