import { CertmanError } from '../../failures/failure.ts';
import type { KubernetesApi } from '../api/kubernetes-api.ts';
import { NAMESPACES } from './resources.ts';

/** Lives as long as its cluster, also through a restored etcd. */
const KUBE_SYSTEM = 'kube-system';

/** The uid that identifies a Kubernetes cluster: that of kube-system. @throws CertmanError `kubernetes/…`. */
export async function readClusterUid(kubernetes: KubernetesApi): Promise<string> {
  const namespace = await kubernetes.get(NAMESPACES, { name: KUBE_SYSTEM });
  if (namespace?.metadata.uid !== undefined) return namespace.metadata.uid;
  throw new CertmanError({
    code: 'kubernetes/notFound',
    message: `The API server has no Namespace ${KUBE_SYSTEM}, by whose uid a management cluster is identified.`,
    remedy: 'Check that it is the API server of the management cluster: every Kubernetes cluster has that Namespace.',
  });
}
