/** Creates, changes and reads clusters for tests of the controller. */
import { CoreV1Api } from '@kubernetes/client-node';
import type { ClusterIdentity } from '../../../src/clusters/cluster-identity.ts';
import { type KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import {
  CERTIFICATE_REQUESTS,
  CLUSTER_DEPLOYMENTS,
  EVENTS,
  FINALIZER,
  SECRETS,
} from '../../../src/kubernetes/objects/resources.ts';
import { controllerReferenceTo, REQUEST_LABEL } from '../../../src/kubernetes/objects/secret-ownership.ts';
import { requestSpec, type TestManagementCluster } from '../kubernetes/management-cluster.ts';
import { eventually } from '../vitest/eventually.ts';

export type Cluster = Omit<ClusterIdentity, 'managementCluster'>;

export async function createCluster(managementCluster: TestManagementCluster): Promise<Cluster> {
  return identityOf((await managementCluster.cluster()).object);
}

export function identityOf({ metadata }: KubernetesObject): Cluster {
  return { namespace: metadata.namespace ?? '', name: metadata.name, uid: metadata.uid ?? '' };
}

export function keyOf({ namespace, name }: Cluster) {
  return { namespace, name };
}

export async function patchCluster(
  managementCluster: TestManagementCluster,
  cluster: Cluster,
  path: string,
  value: unknown,
): Promise<void> {
  await managementCluster.admin.patch(CLUSTER_DEPLOYMENTS, keyOf(cluster), [{ op: 'add', path, value }]);
}

/** Has its bundle certify another name, which changes what is served. */
export async function addIngress(managementCluster: TestManagementCluster, cluster: Cluster): Promise<void> {
  const ingress = { name: 'more', domain: 'more.c1.example.com', servingCertificate: 'primary' };
  await patchCluster(managementCluster, cluster, '/spec/ingress/-', ingress);
}

/**
 * Writes, as certman, what the activities of an issuance write.
 * @param status beside what says that a certificate was issued.
 * @returns the CertificateRequest as it was written last.
 */
export async function writeIssuedObjects(
  managementCluster: TestManagementCluster,
  cluster: Cluster,
  generation = 'one',
  status: Readonly<Record<string, unknown>> = {},
): Promise<KubernetesObject> {
  const { certman } = managementCluster;
  const { namespace, name, uid } = cluster;
  await certman.patch(CLUSTER_DEPLOYMENTS, keyOf(cluster), [
    { op: 'add', path: '/metadata/finalizers', value: [FINALIZER] },
  ]);
  const metadata = { namespace, name: `${name}-primary` };
  const request = await certman.apply(CERTIFICATE_REQUESTS, {
    metadata: {
      ...metadata,
      finalizers: [FINALIZER],
      ownerReferences: [
        {
          apiVersion: 'hive.openshift.io/v1',
          kind: 'ClusterDeployment',
          name,
          uid,
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: requestSpec(name),
  });
  const data = { 'tls.crt': btoa(generation), 'tls.key': btoa(generation) };
  const owner = { name: metadata.name, uid: request.metadata.uid ?? '' };
  await certman.apply(SECRETS, {
    metadata: {
      namespace,
      name: 'primary-cert',
      labels: { [REQUEST_LABEL]: owner.name },
      ownerReferences: [controllerReferenceTo(owner)],
    },
    type: 'kubernetes.io/tls',
    data,
  });
  return await writeStatus(managementCluster, metadata, status);
}

/** Writes the whole status of a CertificateRequest, as certman. */
export async function writeStatus(
  managementCluster: TestManagementCluster,
  request: { readonly namespace: string; readonly name: string },
  status: Readonly<Record<string, unknown>>,
): Promise<KubernetesObject> {
  const issued = {
    issued: true,
    status: 'Success',
    state: 'Ready',
    serialNumber: '1',
    notBefore: '2026-01-01T00:00:00Z',
    notAfter: '2026-04-01T00:00:00Z',
    conditions: [{ type: 'Ready', status: 'True' }],
  };
  return await managementCluster.certman.apply(
    CERTIFICATE_REQUESTS,
    { metadata: { namespace: request.namespace, name: request.name }, status: { ...issued, ...status } },
    { subresource: 'status' },
  );
}

export async function eventsOn(
  managementCluster: TestManagementCluster,
  cluster: Cluster,
): Promise<readonly KubernetesObject[]> {
  const events: KubernetesObject[] = [];
  for await (const event of managementCluster.admin.list(EVENTS, { namespace: cluster.namespace })) events.push(event);
  return events;
}

export async function waitForEvent(
  managementCluster: TestManagementCluster,
  cluster: Cluster,
  reason: string,
): Promise<KubernetesObject> {
  const withReason = (events: readonly KubernetesObject[]) => events.find((event) => event['reason'] === reason);
  const events = await eventually(
    `an Event ${reason}`,
    () => eventsOn(managementCluster, cluster),
    (seen) => withReason(seen) !== undefined,
  );
  return withReason(events) as KubernetesObject;
}

/** Patches a Secret with the field manager of kubectl edit. */
export async function patchSecretAsUser(
  managementCluster: TestManagementCluster,
  namespace: string,
  name: string,
  patch: readonly object[],
): Promise<void> {
  await managementCluster.adminConfig
    .makeApiClient(CoreV1Api)
    .patchNamespacedSecret({ name, namespace, body: patch, fieldManager: 'kubectl-edit' });
}
