/** A management cluster for tests: a real API server with deploy/ installed, and the two identities that tests act as. */
import type { KubeConfig } from '@kubernetes/client-node';
import { afterAll, beforeAll } from 'vitest';
import { installManifests } from '../../../local/stack/management-cluster/manifests.ts';
import { serviceAccountKubeConfig } from '../../../local/stack/management-cluster/service-account.ts';
import type { ObjectRef } from '../../../src/clusters/cluster-identity.ts';
import type { ClusterView } from '../../../src/clusters/cluster-view.ts';
import { KubernetesClient } from '../../../src/kubernetes/api/client.ts';
import { loadKubeConfig } from '../../../src/kubernetes/api/kube-config.ts';
import { type KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS, CONFIG_MAPS } from '../../../src/kubernetes/objects/resources.ts';
import { useStack } from '../vitest/use-stack.ts';
import { clusterView } from '../workflows/cluster-views.ts';
import { TestNamespaces } from './namespaces.ts';

export const OPERATOR_NAMESPACE = 'certman-operator';

export interface TestManagementCluster {
  readonly adminConfig: KubeConfig;
  /** May do everything; plays Hive and the users. */
  readonly admin: KubernetesClient;
  readonly certmanConfig: KubeConfig;
  /** Certman's ServiceAccount, with the rights of deploy/base. */
  readonly certman: KubernetesClient;
  /** Creates a namespace with a unique name. */
  namespace(): Promise<string>;
  /** Deletes these namespaces. */
  clear(): Promise<void>;
  /** A CertificateRequest in a namespace of its own. The garbage collector spares only what a real object owns. */
  request(): Promise<ObjectRef>;
  /** An installed ClusterDeployment in a namespace of its own, and its view. */
  cluster(change?: Partial<ClusterView>): Promise<{ readonly object: KubernetesObject; readonly view: ClusterView }>;
}

/** For a whole test file: `const managementCluster = useManagementCluster();`, then `managementCluster()` inside tests. */
export function useManagementCluster(): () => TestManagementCluster {
  let open: TestManagementCluster | undefined;
  beforeAll(async () => {
    open = await openManagementCluster();
  });
  afterAll(async () => {
    await open?.clear();
    await Promise.all([open?.admin.close(), open?.certman.close()]);
  });
  return () => {
    if (open === undefined) throw new Error('the management cluster exists only while tests run');
    return open;
  };
}

async function openManagementCluster(): Promise<TestManagementCluster> {
  const adminConfig = loadKubeConfig({ path: useStack().kubernetes.adminKubeconfig });
  const admin = new KubernetesClient(adminConfig);
  await installManifests(admin);
  await admin.apply(CONFIG_MAPS, {
    metadata: { namespace: OPERATOR_NAMESPACE, name: 'certman-operator' },
    data: { default_notification_email_address: 'sre@example.com' },
  });
  const certmanConfig = await serviceAccountKubeConfig(adminConfig);
  const certman = new KubernetesClient(certmanConfig);
  const namespaces = new TestNamespaces(admin);
  const namespace = () => namespaces.create();
  return {
    adminConfig,
    admin,
    certmanConfig,
    certman,
    namespace,
    clear: () => namespaces.clear(),
    request: async () => await createRequest(admin, await namespace(), 'c1-primary'),
    cluster: async (change = {}) => {
      const object = await createClusterDeployment(admin, await namespace(), change.identity?.name ?? 'c1');
      const { namespace: where = '', name, uid = '' } = object.metadata;
      return {
        object,
        view: clusterView({ ...change, identity: { managementCluster: 'hive', namespace: where, name, uid } }),
      };
    },
  };
}

/** Spec of the CertificateRequest of a cluster's bundle `primary`. */
export function requestSpec(cluster: string) {
  return {
    acmeDNSDomain: 'example.com',
    certificateSecret: { name: 'primary-cert' },
    dnsNames: [`api.${cluster}.example.com`],
    email: 'sre@example.com',
    platform: { aws: { credentials: { name: 'aws' }, region: 'us-east-1' } },
  };
}

export async function createRequest(admin: KubernetesClient, namespace: string, name: string): Promise<ObjectRef> {
  const made = await admin.create(CERTIFICATE_REQUESTS, { metadata: { namespace, name }, spec: requestSpec('c1') });
  if (made?.metadata.uid === undefined) throw new Error(`CertificateRequest ${namespace}/${name} exists already`);
  return { namespace, name, uid: made.metadata.uid };
}

/** As Hive has it once the cluster is installed. */
export async function createClusterDeployment(
  admin: KubernetesClient,
  namespace: string,
  name: string,
): Promise<KubernetesObject> {
  const created = await admin.create(CLUSTER_DEPLOYMENTS, {
    metadata: { namespace, name, labels: { 'api.openshift.com/managed': 'true' } },
    spec: {
      baseDomain: 'example.com',
      clusterName: name,
      installed: true,
      platform: { aws: { region: 'us-east-1', credentialsSecretRef: { name: 'aws' } } },
      controlPlaneConfig: { servingCertificates: { default: 'primary' } },
      ingress: [{ name: 'default', domain: `apps.${name}.example.com`, servingCertificate: 'primary' }],
      certificateBundles: [{ name: 'primary', generate: true, certificateSecretRef: { name: 'primary-cert' } }],
    },
  });
  if (created === undefined) throw new Error(`ClusterDeployment ${namespace}/${name} exists already`);
  return created;
}
