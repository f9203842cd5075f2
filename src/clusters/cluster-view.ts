/**
 * What certman knows of a cluster: the few fields of a Hive ClusterDeployment that decide about its certificates. A
 * CertificateRequest that stands alone is seen in the same way, as a cluster of one bundle.
 * Made at the edge from the API object, carried in signals, compared by digest. Pure types.
 */

import type { BundleNames } from '../certificates/bundle-names.ts';

/** Identity of a cluster, over hubs and over re-creation under the same name. */
export interface ClusterIdentity {
  /** Name of the hub (the management cluster on which Hive runs). */
  readonly managementCluster: string;
  readonly namespace: string;
  /** Name of the ClusterDeployment, or of the CertificateRequest that stands alone. */
  readonly name: string;
  readonly uid: string;
  /** Absent: a ClusterDeployment. A CertificateRequest that nothing but its user made is served in its own name. */
  readonly kind?: 'CertificateRequest';
}

/** `hive.openshift.io/relocate: <hive>/<state>`; `malformed` when the value has no known state. */
export type RelocationState = 'none' | 'outgoing' | 'incoming' | 'complete' | 'malformed';

/** Where the cluster's DNS lives and which credentials reach it. */
export type PlatformView =
  | {
      readonly kind: 'aws';
      readonly region: string;
      /** Secret in the cluster's namespace; absent: the default AWS credential chain, which is lent to no request that stands alone. */
      readonly credentialsSecret?: string;
      /** Label `api.openshift.com/sts: "true"`: credentials come by assuming roles. */
      readonly sts: boolean;
    }
  | { readonly kind: 'gcp'; readonly credentialsSecret: string }
  | { readonly kind: 'azure'; readonly credentialsSecret: string; readonly resourceGroupName: string }
  | { readonly kind: 'unsupported'; readonly found: string };

/** One `spec.certificateBundles[]` with `generate: true`. */
export interface BundleView {
  readonly name: string;
  readonly secretName: string;
  readonly names: BundleNames;
  /** Its CertificateRequest; absent: `<clusterdeployment>-<bundle>`. */
  readonly requestName?: string;
}

export interface ClusterView {
  readonly identity: ClusterIdentity;
  readonly deleting: boolean;
  readonly installed: boolean;
  readonly managed: boolean;
  readonly fake: boolean;
  readonly paused: boolean;
  readonly limitedSupport: boolean;
  /** `spec.powerState: Hibernating`; absent when it is not. Certificates are kept valid all the same. */
  readonly hibernating?: true;
  readonly relocation: RelocationState;
  /** Whether our finalizer is on the ClusterDeployment. */
  readonly finalizer: boolean;
  /** Zone for the TXT records: `spec.baseDomain`. */
  readonly zoneName: string;
  readonly platform: PlatformView;
  readonly bundles: readonly BundleView[];
  readonly apiURL?: string;
  readonly webConsoleURL?: string;
}
