/** Ownership at a decommission is by uid: a re-created cluster has objects of the same names, which are in use. */
import { toCachedCluster } from '../../clusters/cached-cluster.ts';
import type { ClusterView } from '../../clusters/cluster-view.ts';
import { owningCluster } from '../../clusters/owning-cluster.ts';
import { requestName } from '../../clusters/request-name.ts';
import type { DecommissionedBundle } from '../../contract/activities/acme.ts';
import type { KubernetesApi, KubernetesObject, ObjectMeta } from '../api/kubernetes-api.ts';
import { requireRemovable, type ViewSettings, viewOf } from './asked-for.ts';
import { clusterOwnersOf, requestOwnershipOf } from './certificate-request.ts';
import { findPrimaryObject, isStandalone } from './primary-object.ts';
import { CERTIFICATE_REQUESTS } from './resources.ts';
import { isOwnedBy, ownerOf, REQUEST_LABEL } from './secret-ownership.ts';

/** What of a bundle's objects is its own. */
export interface BundleOwner {
  /** Undefined when the object is gone. */
  readonly view?: ClusterView;
  readonly requestName: string;
  /** Its CertificateRequest; undefined when it is gone or another's. */
  readonly request?: KubernetesObject;
  /** Another cluster, or another request, has the request of this name: its objects are not touched. */
  readonly succeeded: boolean;
  readonly ownsSecret: (secret: ObjectMeta) => boolean;
}

/**
 * Reads whose the CertificateRequest is, and from that whose a Secret is.
 * @throws CertmanError `kubernetes/notAskedFor` while the object asks for the bundle.
 */
export async function readBundleOwner(
  kubernetes: KubernetesApi,
  projection: ViewSettings,
  { cluster, bundleName, requestName: givenName, requestUid }: DecommissionedBundle,
): Promise<BundleOwner> {
  const { namespace } = cluster;
  const standalone = isStandalone(cluster);
  const defaultName = standalone ? cluster.name : requestName(cluster.name, bundleName);
  const name = givenName ?? defaultName;
  const [found, primary] = await Promise.all([
    kubernetes.get(CERTIFICATE_REQUESTS, { namespace, name }),
    findPrimaryObject(kubernetes, cluster),
  ]);
  const view = primary && viewOf(primary, cluster, projection);
  if (view !== undefined) requireRemovable(view, { bundleName, requestName: name });
  const isNamedAfterCluster = view !== undefined && !standalone && name === defaultName;
  // As the controller decides: any other request without an owner is a standalone one, with a workflow of its own.
  const isNamedByCluster =
    isNamedAfterCluster &&
    owningCluster({ name }, { clusters: [toCachedCluster(undefined, view)], unreadable: [] }) !== undefined;

  const isOwnRequest = (request: ObjectMeta): boolean => {
    // By the name, too: under another, a living object is not found, and passes for one that is gone.
    if (standalone) return request.uid === cluster.uid && name === cluster.name;
    const { kind } = requestOwnershipOf(request, cluster);
    // No ClusterDeployment owns it: certman-operator's, or its owner reference was removed.
    if (kind === 'orphaned') return isNamedByCluster;
    return kind === 'owned' && clusterOwnersOf(request).some((owner) => owner.name === cluster.name);
  };
  const request = found !== undefined && isOwnRequest(found.metadata) ? found : undefined;
  const succeeded = found !== undefined && request === undefined;
  const uids = [requestUid, request?.metadata.uid, standalone ? cluster.uid : undefined].filter(
    (uid) => uid !== undefined,
  );

  const ownsSecret = (secret: ObjectMeta): boolean => {
    if (succeeded) return false;
    // The uid alone may be that of another request: it comes from Temporal.
    if (isOwnedBy(secret, uids, name)) return true;
    // certman-operator's without an owner reference. A name alone is no proof once the cluster is gone.
    const isOwnName = isNamedByCluster || (isNamedAfterCluster && request !== undefined);
    return isOwnName && secret.labels?.[REQUEST_LABEL] === name && ownerOf(secret) === undefined;
  };
  return { view, requestName: name, request, succeeded, ownsSecret };
}
