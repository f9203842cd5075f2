import { namesOfBundle } from '../../certificates/bundle-names.ts';
import type { BundleView, ClusterView, PlatformView, RelocationState } from '../../clusters/cluster-view.ts';
import type { KubernetesObject } from '../api/kubernetes-api.ts';
import {
  type ClusterDeploymentSpec,
  parseClusterDeploymentMetadata,
  parseClusterDeploymentSpec,
  parseClusterDeploymentStatus,
} from './cluster-deployment-fields.ts';
import { FINALIZER } from './resources.ts';

/** What the projection needs beside the object. */
export interface ProjectionSettings {
  readonly managementCluster: string;
  /** Label of a second API name (`rh-api`); none when absent. */
  readonly extraRecord?: string;
}

/** Result of the projection. `malformed`: what certman needs is missing or cannot be parsed. */
export type ProjectedCluster =
  | { readonly kind: 'cluster'; readonly view: ClusterView }
  | { readonly kind: 'malformed'; readonly message: string };

/** Projects a ClusterDeployment (hive.openshift.io/v1). A malformed spec must not block a deletion. */
export function projectClusterDeployment(
  object: KubernetesObject,
  { managementCluster, extraRecord }: ProjectionSettings,
): ProjectedCluster {
  const { metadata, problem: unidentified } = parseClusterDeploymentMetadata(object.metadata);
  if (metadata === undefined) return { kind: 'malformed', message: unidentified };
  const { name, namespace, uid, labels, annotations, finalizers, deletionTimestamp } = metadata;
  const deleting = typeof deletionTimestamp === 'string';
  const { spec, problem } = parseClusterDeploymentSpec(object['spec'], name);
  if (problem !== undefined && !deleting) return { kind: 'malformed', message: problem };
  const view: ClusterView = {
    identity: { managementCluster, name, namespace, uid },
    resourceVersion: object.metadata.resourceVersion,
    deleting,
    installed: spec?.installed === true,
    managed: labels?.['api.openshift.com/managed'] === 'true',
    fake: annotations?.['managed.openshift.com/fake'] === 'true',
    paused: annotations?.['hive.openshift.io/reconcile-pause'] === 'true',
    limitedSupport: labels?.['api.openshift.com/limited-support'] === 'true',
    hibernating: spec?.powerState === 'Hibernating' ? true : undefined,
    privateLink: isPrivateLink(spec?.platform ?? {}) ? true : undefined,
    relocation: relocationOf(annotations?.['hive.openshift.io/relocate']),
    finalizer: finalizers?.includes(FINALIZER) === true,
    zoneName: (spec?.baseDomain ?? '').toLowerCase(),
    platform: platformOf(spec?.platform ?? {}, labels?.['api.openshift.com/sts'] === 'true'),
    bundles: spec === undefined ? [] : bundlesOf(spec, extraRecord),
    ...parseClusterDeploymentStatus(object['status']),
  };
  return { kind: 'cluster', view };
}

function relocationOf(value: string | undefined): RelocationState {
  if (value === undefined) return 'none';
  const [, state] = /\/(outgoing|incoming|complete)$/.exec(value) ?? [];
  return (state as RelocationState | undefined) ?? 'malformed';
}

function platformOf(platform: NonNullable<ClusterDeploymentSpec['platform']>, sts: boolean): PlatformView {
  const { aws, gcp, azure } = platform;
  if (aws) return { kind: 'aws', region: aws.region, sts, credentialsSecret: aws.credentialsSecretRef || undefined };
  if (gcp) return { kind: 'gcp', credentialsSecret: gcp.credentialsSecretRef };
  if (azure) {
    const { credentialsSecretRef: credentialsSecret, baseDomainResourceGroupName: resourceGroupName } = azure;
    const cloudName = azure.cloudName === 'AzurePublicCloud' ? undefined : azure.cloudName || undefined;
    return { kind: 'azure', credentialsSecret, resourceGroupName, cloudName };
  }
  return { kind: 'unsupported', found: (Object.keys(platform)[0] ?? 'none').slice(0, 64) };
}

function isPrivateLink({ aws, gcp }: NonNullable<ClusterDeploymentSpec['platform']>): boolean {
  return aws?.privateLink === true || gcp?.privateServiceConnect === true;
}

function bundlesOf(spec: ClusterDeploymentSpec, extraRecord: string | undefined): readonly BundleView[] {
  const { clusterName, baseDomain, ingress, controlPlaneConfig } = spec;
  const certificates = controlPlaneConfig?.servingCertificates;
  const serving = {
    clusterName,
    baseDomain,
    defaultBundle: certificates?.default,
    additional: (certificates?.additional ?? []).map(({ name: bundle, domain }) => ({ bundle, domain })),
    ingress: ingress.map(({ servingCertificate: bundle, domain }) => ({ bundle, domain })),
  };
  return spec.certificateBundles.map(({ name, certificateSecretRef: secretName }) => {
    return { name, secretName, names: namesOfBundle(name, serving, extraRecord) };
  });
}
