/** The CertificateRequest (certman.managed.openshift.io/v1alpha1). CRD: deploy/base/certificaterequest-crd.yaml. */
import { z } from 'zod';
import type { ClusterIdentity, ObjectRef } from '../../clusters/cluster-identity.ts';
import type { BundleView, ClusterView, PlatformView } from '../../clusters/cluster-view.ts';
import { requestName } from '../../clusters/request-name.ts';
import { CertmanError } from '../../failures/failure.ts';
import type { KubernetesObject, ObjectMeta } from '../api/kubernetes-api.ts';
import { apiVersionOf, isObjectName } from '../api/resource-path.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS, FINALIZER } from './resources.ts';

/** As in the CRD. */
const MAX_NAMES_PROBLEM_LENGTH = 1024;

/** The object to apply, without the user's `renewBeforeDays`. `namesProblem` shows why there are no `dnsNames`. */
export function buildCertificateRequest(cluster: ClusterView, bundle: BundleView, email: string): KubernetesObject {
  const { namespace, name, uid } = cluster.identity;
  const owner = { apiVersion: apiVersionOf(CLUSTER_DEPLOYMENTS), kind: CLUSTER_DEPLOYMENTS.kind, name, uid };
  return {
    apiVersion: apiVersionOf(CERTIFICATE_REQUESTS),
    kind: CERTIFICATE_REQUESTS.kind,
    metadata: {
      namespace,
      name: requestName(name, bundle.name),
      finalizers: [FINALIZER],
      ownerReferences: [{ ...owner, controller: true }],
    },
    spec: {
      acmeDNSDomain: cluster.zoneName,
      // Lower case, as certman-operator writes it: its requests are adopted unchanged.
      certificateSecret: { kind: 'secret', namespace, name: bundle.secretName },
      ...(bundle.names.kind === 'valid'
        ? { dnsNames: bundle.names.dnsNames }
        : { namesProblem: bundle.names.message.slice(0, MAX_NAMES_PROBLEM_LENGTH) }),
      email,
      platform: platformSpec(cluster.platform),
      apiURL: cluster.apiURL,
      webConsoleURL: cluster.webConsoleURL,
    },
  };
}

function platformSpec(platform: PlatformView): Readonly<Record<string, unknown>> {
  if (platform.kind === 'unsupported') return {};
  const credentials = { name: platform.credentialsSecret };
  switch (platform.kind) {
    case 'aws':
      return { aws: { credentials, region: platform.region } };
    case 'gcp':
      return { gcp: { credentials } };
    case 'azure':
      return { azure: { credentials, resourceGroupName: platform.resourceGroupName } };
  }
}

/** A ClusterDeployment among the owners of an object. */
export type ClusterOwner = Pick<ObjectRef, 'name' | 'uid'>;

/** Of any version of Hive's group. Users can write any owner into an object. */
const ownerSchema = z
  .object({
    apiVersion: z.string().startsWith(`${CLUSTER_DEPLOYMENTS.group}/`),
    kind: z.literal(CLUSTER_DEPLOYMENTS.kind),
    name: z.string().refine(isObjectName),
    // At most as long as a UUID: workflow ids contain it and have room for no more.
    uid: z.string().regex(/^[A-Za-z0-9-]{1,36}$/),
  })
  .transform(({ name, uid }): ClusterOwner => ({ name, uid }));

/** The ClusterDeployments among the owners of an object. */
export function clusterOwnersOf({ ownerReferences = [] }: ObjectMeta): readonly ClusterOwner[] {
  return ownerReferences.flatMap((reference) => ownerSchema.safeParse(reference).data ?? []);
}

/** Ownership of a CertificateRequest from a cluster's point of view. `orphaned`: no ClusterDeployment owns it. */
export type RequestOwnership =
  | { readonly kind: 'owned' | 'orphaned' }
  | { readonly kind: 'foreign'; readonly owner: ClusterOwner };

/** Whose a CertificateRequest is. */
export function requestOwnershipOf(metadata: ObjectMeta, cluster: Pick<ClusterIdentity, 'uid'>): RequestOwnership {
  const owners = clusterOwnersOf(metadata);
  const owner = owners.find(({ uid }) => uid !== cluster.uid);
  if (owner !== undefined) return { kind: 'foreign', owner };
  return { kind: owners.length === 0 ? 'orphaned' : 'owned' };
}

/** Two ClusterDeployments need a CertificateRequest of the same name; the first keeps it. */
export function foreignRequestError(
  { namespace, name }: ObjectMeta,
  owner: ClusterOwner,
  cluster: ClusterIdentity,
): CertmanError {
  return new CertmanError({
    code: 'kubernetes/ownedByOther',
    message: `CertificateRequest ${namespace}/${name}, which ClusterDeployment ${cluster.name} (uid ${cluster.uid}) needs, belongs to ClusterDeployment ${owner.name} (uid ${owner.uid}) and is left unchanged.`,
    remedy:
      owner.name === cluster.name
        ? 'It belongs to an earlier cluster of the same name; once that is removed, certman continues by itself.'
        : 'Rename the bundle of one of the two clusters: <cluster>-<bundle> must be unique in a namespace.',
  });
}
