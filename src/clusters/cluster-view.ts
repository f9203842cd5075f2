/** Views of clusters: made at the edge from API objects, carried in signals, compared by digest. Pure. */
import type { BundleNames } from '../certificates/bundle-names.ts';
import { canonicalJson, digestOf } from '../certificates/digest.ts';

/** Identity of a ClusterDeployment or standalone CertificateRequest across management clusters and re-creation. */
export interface ClusterIdentity {
  readonly managementCluster: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Absent for a ClusterDeployment. */
  readonly kind?: 'CertificateRequest';
}

/** `hive.openshift.io/relocate: <hive>/<state>`; `malformed` when the value has no known state. */
export type RelocationState = 'none' | 'outgoing' | 'incoming' | 'complete' | 'malformed';

/** Where the cluster's DNS lives and which credentials reach it. */
export type PlatformView =
  | {
      readonly kind: 'aws';
      readonly region: string;
      /** Secret in the namespace; absent: the default AWS credential chain, which standalone requests may not use. */
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
  /** Absent: `<clusterdeployment>-<bundle>`. */
  readonly requestName?: string;
}

/** What decides about a cluster's certificates. A standalone CertificateRequest is a cluster of one bundle. */
export interface ClusterView {
  readonly identity: ClusterIdentity;
  readonly deleting: boolean;
  readonly installed: boolean;
  readonly managed: boolean;
  readonly fake: boolean;
  readonly paused: boolean;
  readonly limitedSupport: boolean;
  /** `spec.powerState: Hibernating`. Certificates are renewed nevertheless. */
  readonly hibernating?: true;
  readonly relocation: RelocationState;
  readonly finalizer: boolean;
  /** Zone for the TXT records: `spec.baseDomain`. */
  readonly zoneName: string;
  readonly platform: PlatformView;
  readonly bundles: readonly BundleView[];
  readonly apiURL?: string;
  readonly webConsoleURL?: string;
}

/** The hosted zone of a cluster's TXT records; its DNSZone and credentials are in `namespace`. */
export interface ZoneTarget {
  readonly namespace: string;
  readonly clusterName: string;
  readonly zoneName: string;
  readonly platform: PlatformView;
  readonly kind?: 'CertificateRequest';
}

/** The zone of a cluster. */
export function zoneTargetOf({ identity, zoneName, platform }: ClusterView): ZoneTarget {
  const { namespace, name: clusterName, kind } = identity;
  return { namespace, clusterName, zoneName, platform, kind };
}

/** Name of a bundle's CertificateRequest: lower case `<clusterdeployment>-<bundle>`, as certman-operator names them. */
export function requestName(clusterDeployment: string, bundleName: string): string {
  return `${clusterDeployment}-${bundleName}`.toLowerCase();
}

/** The CertificateRequest of a bundle: the name in the view, else {@link requestName}. */
export function requestNameOf(
  cluster: Pick<ClusterIdentity, 'name'>,
  bundle: Pick<BundleView, 'name' | 'requestName'>,
): string {
  return bundle.requestName ?? requestName(cluster.name, bundle.name);
}

/** View of a cluster whose object is gone: to be decommissioned; its bundles, zone and platform are unknown. */
export function deletedClusterView(identity: ClusterIdentity): ClusterView {
  return {
    identity,
    deleting: true,
    installed: true,
    managed: true,
    fake: false,
    paused: false,
    limitedSupport: false,
    relocation: 'none',
    finalizer: false,
    zoneName: '',
    platform: { kind: 'unsupported', found: 'unknown' },
    bundles: [],
  };
}

/** Digest of a view without certman's own finalizer, whose addition and removal are no news to the workflow. */
export function clusterDigest(view: ClusterView): string {
  return digestOf(comparableJson(view));
}

/** Whether two views are equal but for certman's own finalizer. */
export function sameView(left: ClusterView, right: ClusterView): boolean {
  return comparableJson(left) === comparableJson(right);
}

function comparableJson(view: ClusterView): string {
  return canonicalJson({ ...view, finalizer: undefined });
}

/** A namespaced Kubernetes object that is owned or pointed at. */
export interface ObjectRef {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}
