import type { ResourceType } from '../api/kubernetes-api.ts';

const HIVE = 'hive.openshift.io';

/** Secrets of the core API. */
export const SECRETS = resource('', 'v1', 'secrets', 'Secret');
/** Namespaces of the core API. */
export const NAMESPACES = resource('', 'v1', 'namespaces', 'Namespace');
/** ConfigMaps of the core API. */
export const CONFIG_MAPS = resource('', 'v1', 'configmaps', 'ConfigMap');
/** Events of the core API. */
export const EVENTS = resource('', 'v1', 'events', 'Event');
/** ClusterDeployments of Hive: an OpenShift cluster and the certificates that it needs. */
export const CLUSTER_DEPLOYMENTS = resource(HIVE, 'v1', 'clusterdeployments', 'ClusterDeployment');
/** DNSZones of Hive: the hosted zone of a cluster. */
export const DNS_ZONES = resource(HIVE, 'v1', 'dnszones', 'DNSZone');
/** ClusterSyncs of Hive: what it has applied to a cluster. */
export const CLUSTER_SYNCS = resource('hiveinternal.openshift.io', 'v1alpha1', 'clustersyncs', 'ClusterSync');
/** CertificateRequests of certman-operator: a certificate of a cluster, or a standalone certificate. */
export const CERTIFICATE_REQUESTS = resource(
  'certman.managed.openshift.io',
  'v1alpha1',
  'certificaterequests',
  'CertificateRequest',
);
/** AccountClaims of aws-account-operator: the AWS account of a cluster. */
export const ACCOUNT_CLAIMS = resource('aws.managed.openshift.io', 'v1alpha1', 'accountclaims', 'AccountClaim');

/** Finalizer on ClusterDeployments and CertificateRequests, shared with certman-operator. */
export const FINALIZER = 'certificaterequests.certman.managed.openshift.io';

function resource(group: string, version: string, plural: string, kind: string): ResourceType {
  return { group, version, plural, kind };
}
