/** An installed cluster as Hive has it: what the fleets of the benches are made of. */
import type { ObjectWriter } from '../local/stack/management-cluster/clients.ts';
import { AWS } from '../local/stack/versions.ts';
import { FINALIZER } from '../src/kubernetes/objects/resources.ts';

/** Base path of Hive's resources. */
export const HIVE = '/apis/hive.openshift.io/v1';

/** Creates the cluster's namespace, credentials Secret `aws` and DNSZone. @param name of the cluster and its namespace. */
export async function createHiveNamespace(hive: ObjectWriter, name: string, zone: string): Promise<void> {
  await hive.create('/api/v1/namespaces', { metadata: { name } });
  await hive.create(`/api/v1/namespaces/${name}/secrets`, {
    metadata: { name: 'aws' },
    stringData: { aws_access_key_id: AWS.accessKeyId, aws_secret_access_key: AWS.secretAccessKey },
  });
  await hive.create(`${HIVE}/namespaces/${name}/dnszones`, {
    apiVersion: 'hive.openshift.io/v1',
    kind: 'DNSZone',
    metadata: { name: `${name}-zone` },
    spec: { zone },
  });
}

/** The ClusterDeployment of an installed cluster, held by certman. @param bundles of `api` and `apps`. */
export function hiveClusterDeployment(name: string, zone: string, bundles: readonly string[]) {
  return {
    apiVersion: 'hive.openshift.io/v1',
    kind: 'ClusterDeployment',
    metadata: { namespace: name, name, labels: { 'api.openshift.com/managed': 'true' }, finalizers: [FINALIZER] },
    spec: {
      baseDomain: zone,
      clusterName: name,
      installed: true,
      manageDNS: true,
      platform: { aws: { region: AWS.region, credentialsSecretRef: { name: 'aws' } } },
      certificateBundles: bundles.map((bundle) => ({
        name: bundle,
        generate: true,
        certificateSecretRef: { name: bundleSecretName(name, bundle) },
      })),
      controlPlaneConfig: { servingCertificates: { default: 'api' } },
      ingress: [{ name: 'default', domain: `apps.${name}.${zone}`, servingCertificate: 'apps' }],
    },
  };
}

/** Name of the Secret that {@link hiveClusterDeployment} refers to. */
export function bundleSecretName(cluster: string, bundle: string): string {
  return `${cluster}-${bundle}-cert`;
}
