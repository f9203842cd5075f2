/** Views of clusters: made at the edge from API objects, carried in signals, compared by digest. Pure. */
import type { BundleNames } from '../certificates/bundle-names.ts';
import { canonicalJson, digestOf } from '../certificates/digest.ts';
import type { ClusterIdentity } from './cluster-identity.ts';
import { isOlderResourceVersion } from './resource-version.ts';

/** Of `hive.openshift.io/relocate: <ClusterRelocate>/<state>`; `malformed`: the value has no known state. */
export type RelocationState = 'none' | 'outgoing' | 'incoming' | 'complete' | 'malformed';

/** Where the cluster's DNS lives and which credentials reach it. */
export type PlatformView =
  | {
      readonly kind: 'aws';
      readonly region: string;
      /** Secret in the namespace; absent: certman's own AWS credentials, where these are allowed. */
      readonly credentialsSecret?: string;
      /** Label `api.openshift.com/sts: "true"`: credentials come by assuming roles. */
      readonly sts: boolean;
    }
  | { readonly kind: 'gcp'; readonly credentialsSecret: string }
  | {
      readonly kind: 'azure';
      readonly credentialsSecret: string;
      /** Of the zone; empty: any of the subscription. */
      readonly resourceGroupName: string;
      /** Absent: the public cloud. */
      readonly cloudName?: string;
    }
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
  /** Of the object when it was read; absent: it takes precedence over any other. */
  readonly resourceVersion?: string;
  readonly deleting: boolean;
  readonly installed: boolean;
  readonly managed: boolean;
  readonly fake: boolean;
  readonly paused: boolean;
  readonly limitedSupport: boolean;
  /** A standalone CertificateRequest where a setting says that none is served. */
  readonly standaloneRequestsOff?: true;
  /** `spec.powerState: Hibernating`. Certificates are renewed nevertheless. */
  readonly hibernating?: true;
  /** Its API server is reached by a private link only (AWS PrivateLink, Google Private Service Connect). */
  readonly privateLink?: true;
  readonly relocation: RelocationState;
  readonly finalizer: boolean;
  /** Zone for the TXT records: `spec.baseDomain`. */
  readonly zoneName: string;
  readonly platform: PlatformView;
  readonly bundles: readonly BundleView[];
  readonly apiURL?: string;
  readonly webConsoleURL?: string;
}

/** What no gate but those of deletion and pause looks at. */
export const UNGATED = {
  installed: true,
  managed: true,
  fake: false,
  limitedSupport: false,
  relocation: 'none',
} as const satisfies Partial<ClusterView>;

/** View of a cluster whose object is gone: to be decommissioned; its bundles, zone and platform are unknown. */
export function deletedClusterView(identity: ClusterIdentity): ClusterView {
  return {
    ...UNGATED,
    identity,
    deleting: true,
    paused: false,
    finalizer: false,
    zoneName: '',
    platform: { kind: 'unsupported', found: 'unknown' },
    bundles: [],
  };
}

/** Digest of a view without its resourceVersion, and without certman's own finalizer, which is no news to the workflow. */
export function clusterDigest(view: ClusterView): string {
  return digestOf(comparableJson(view));
}

/** Whether two views are equal but for resourceVersion and certman's own finalizer. */
export function sameView(left: ClusterView, right: ClusterView): boolean {
  return comparableJson(left) === comparableJson(right);
}

function comparableJson(view: ClusterView): string {
  return canonicalJson({ ...view, finalizer: undefined, resourceVersion: undefined });
}

/** Whether a view was read before another one of the same object; false when a resourceVersion is no integer. */
export function isOlderView(view: ClusterView, than: ClusterView): boolean {
  return isOlderResourceVersion(view.resourceVersion, than.resourceVersion);
}
