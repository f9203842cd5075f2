/** The kinds of objects that certman reads and writes, and the finalizer that it adds to them. */
import type { ResourceType } from '../api/kubernetes-api.ts';

const HIVE = 'hive.openshift.io';

export const SECRETS = resource('', 'v1', 'secrets', 'Secret');
export const CONFIG_MAPS = resource('', 'v1', 'configmaps', 'ConfigMap');
export const EVENTS = resource('', 'v1', 'events', 'Event');
export const CLUSTER_DEPLOYMENTS = resource(HIVE, 'v1', 'clusterdeployments', 'ClusterDeployment');
export const DNS_ZONES = resource(HIVE, 'v1', 'dnszones', 'DNSZone');
export const CERTIFICATE_REQUESTS = resource(
  'certman.managed.openshift.io',
  'v1alpha1',
  'certificaterequests',
  'CertificateRequest',
);
export const ACCOUNT_CLAIMS = resource('aws.managed.openshift.io', 'v1alpha1', 'accountclaims', 'AccountClaim');

/** Finalizer on ClusterDeployments and CertificateRequests, shared with certman-operator. */
export const FINALIZER = 'certificaterequests.certman.managed.openshift.io';

function resource(group: string, version: string, plural: string, kind: string): ResourceType {
  return { group, version, plural, kind };
}
