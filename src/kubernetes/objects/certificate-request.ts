/**
 * The CertificateRequest (certman.managed.openshift.io/v1alpha1) that certman applies for a bundle, and what it reads of one.
 * Its schema is deploy/base/certificaterequest-crd.yaml.
 */
import { z } from 'zod';
import {
  type BundleView,
  type ClusterIdentity,
  type ClusterView,
  type PlatformView,
  requestName,
} from '../../clusters/cluster-view.ts';
import { CertmanError } from '../../failures/failure.ts';
import { type KubernetesObject, type ObjectMeta } from '../api/kubernetes-api.ts';
import { clusterOwnersOf } from './cluster-owners.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS, FINALIZER } from './resources.ts';

/** As in the CRD. */
const MAX_NAMES_PROBLEM_LENGTH = 1024;

const specSchema = z.looseObject({ renewBeforeDays: z.number().int().optional().catch(undefined) });

/**
 * The object to apply. `renewBeforeDays` is never in it: it is the user's. Names that cannot be served leave `dnsNames` out
 * and say why in `namesProblem`, so that there is a resource to show the problem on.
 */
export function buildCertificateRequest(cluster: ClusterView, bundle: BundleView, email: string): KubernetesObject {
  const { identity, platform } = cluster;
  return {
    apiVersion: `${CERTIFICATE_REQUESTS.group}/${CERTIFICATE_REQUESTS.version}`,
    kind: CERTIFICATE_REQUESTS.kind,
    metadata: {
      namespace: identity.namespace,
      name: requestName(identity.name, bundle.name),
      finalizers: [FINALIZER],
      ownerReferences: [
        {
          apiVersion: `${CLUSTER_DEPLOYMENTS.group}/${CLUSTER_DEPLOYMENTS.version}`,
          kind: CLUSTER_DEPLOYMENTS.kind,
          name: identity.name,
          uid: identity.uid,
          controller: true,
        },
      ],
    },
    spec: {
      acmeDNSDomain: cluster.zoneName,
      // The kind in lower case, as certman-operator writes it: what it left is taken over unchanged, and finds it so again.
      certificateSecret: { kind: 'secret', namespace: identity.namespace, name: bundle.secretName },
      ...(bundle.names.kind === 'valid'
        ? { dnsNames: bundle.names.dnsNames }
        : { namesProblem: bundle.names.message.slice(0, MAX_NAMES_PROBLEM_LENGTH) }),
      email,
      platform: platformOf(platform),
      ...(cluster.apiURL === undefined ? {} : { apiURL: cluster.apiURL }),
      ...(cluster.webConsoleURL === undefined ? {} : { webConsoleURL: cluster.webConsoleURL }),
    },
  };
}

function platformOf(platform: PlatformView): Readonly<Record<string, unknown>> {
  switch (platform.kind) {
    case 'aws':
      return {
        aws: {
          credentials: platform.credentialsSecret === undefined ? {} : { name: platform.credentialsSecret },
          region: platform.region,
        },
      };
    case 'gcp':
      return { gcp: { credentials: { name: platform.credentialsSecret } } };
    case 'azure':
      return {
        azure: { credentials: { name: platform.credentialsSecret }, resourceGroupName: platform.resourceGroupName },
      };
    case 'unsupported':
      return {};
  }
}

/** `spec.renewBeforeDays` as the user set it. */
export function renewBeforeDaysOf(request: KubernetesObject): number | undefined {
  const spec = specSchema.safeParse(request['spec']);
  return spec.success ? spec.data.renewBeforeDays : undefined;
}

/** Whose a CertificateRequest is. `nobody`: no ClusterDeployment is among its owners. */
export type RequestOwnership =
  | { readonly kind: 'ours' }
  | { readonly kind: 'nobody' }
  | { readonly kind: 'other'; readonly ownerName: string; readonly ownerUid: string };

export function requestOwnershipOf(metadata: ObjectMeta, cluster: Pick<ClusterIdentity, 'uid'>): RequestOwnership {
  const owners = clusterOwnersOf(metadata);
  const other = owners.find((owner) => owner.uid !== cluster.uid);
  if (other !== undefined) return { kind: 'other', ownerName: other.name, ownerUid: other.uid };
  return owners.length === 0 ? { kind: 'nobody' } : { kind: 'ours' };
}

/** Two ClusterDeployments lay claim to one name of a CertificateRequest; the first has it. */
export function foreignRequestError(
  metadata: ObjectMeta,
  owner: { readonly ownerName: string; readonly ownerUid: string },
  cluster: ClusterIdentity,
): CertmanError {
  const again = owner.ownerName === cluster.name;
  return new CertmanError({
    code: 'kubernetes/ownedByOther',
    message: `CertificateRequest ${metadata.namespace}/${metadata.name}, which ClusterDeployment ${cluster.name} (uid ${cluster.uid}) needs, belongs to ClusterDeployment ${owner.ownerName} (uid ${owner.ownerUid}) and is left alone.`,
    remedy: again
      ? 'It is from an earlier cluster of the same name; once its removal is finished, it goes on by itself.'
      : 'Rename the bundle of one of the two clusters: <cluster>-<bundle> must be unique in a namespace.',
  });
}
