/**
 * Reading a Hive ClusterDeployment (hive.openshift.io/v1): only the fields that decide about certificates, checked and
 * limited here, at the edge. Everything else in the object is dropped at once.
 */
import { z } from 'zod';
import { namesOfBundle, type ServingNames } from '../../certificates/bundle-names.ts';
import { quoted } from '../../certificates/dns-name.ts';
import {
  type BundleView,
  type ClusterView,
  type PlatformView,
  type RelocationState,
  requestName,
} from '../../clusters/cluster-view.ts';
import { type KubernetesObject } from '../api/kubernetes-api.ts';
import { isObjectName } from '../api/resource-path.ts';
import { FINALIZER } from './resources.ts';

/** What the projection needs to know beside the object. */
export interface ProjectionSettings {
  /** Name of the hub. */
  readonly managementCluster: string;
  /** Label of a second API name (`rh-api`); none when absent. */
  readonly extraRecord?: string;
}

export type ProjectedCluster =
  | { readonly kind: 'cluster'; readonly view: ClusterView }
  /** The object does not say what certman needs, or says it in a form that it cannot be read in. */
  | { readonly kind: 'malformed'; readonly message: string };

const name = z.string().max(253);
const text = z.string().max(4096);
/** Hive writes absent lists as null now and then. */
const listOf = <T extends z.ZodType>(item: T, most: number) => z.array(item).max(most).nullish();

const identitySchema = z.object({
  name: name.min(1),
  namespace: name.min(1),
  uid: z.string().min(1).max(128),
});

const metadataSchema = z.object({
  labels: z.record(z.string(), z.string()).nullish(),
  annotations: z.record(z.string(), z.string()).nullish(),
  finalizers: z.array(z.string()).nullish(),
  deletionTimestamp: z.string().nullish(),
});

/** As the CertificateRequest's `acmeDNSDomain`: with anything else there could be no request to say so on. */
const domain = name
  .min(1)
  .regex(
    /^([a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?\.?$/i,
    'it is no domain name',
  );

const secretRef = z.object({ name: name.nullish() }).nullish();

const specSchema = z.object({
  clusterName: name.min(1),
  baseDomain: domain,
  installed: z.boolean().nullish(),
  /** `Running` or `Hibernating`. */
  powerState: name.nullish().catch(undefined),
  platform: z
    .object({
      aws: z.object({ region: name.nullish(), credentialsSecretRef: secretRef }).nullish(),
      gcp: z.object({ credentialsSecretRef: secretRef }).nullish(),
      azure: z.object({ credentialsSecretRef: secretRef, baseDomainResourceGroupName: name.nullish() }).nullish(),
    })
    .catchall(z.unknown())
    .nullish(),
  certificateBundles: listOf(
    z.object({ name: name.min(1), generate: z.boolean().nullish(), certificateSecretRef: secretRef }),
    32,
  ),
  controlPlaneConfig: z
    .object({
      servingCertificates: z
        .object({
          default: name.nullish(),
          additional: listOf(z.object({ name: name.nullish(), domain: text.nullish() }), 1000),
        })
        .nullish(),
    })
    .nullish(),
  ingress: listOf(z.object({ domain: text.nullish(), servingCertificate: name.nullish() }), 1000),
});

const statusSchema = z.object({ apiURL: text.nullish(), webConsoleURL: text.nullish() });

type Spec = z.infer<typeof specSchema>;

/**
 * @returns the view, or a problem in words for a person. An object that is being deleted is never malformed as long as its
 * identity can be read: what is in the way of its deletion must not be a spec that nobody can correct any more.
 */
export function projectClusterDeployment(object: KubernetesObject, settings: ProjectionSettings): ProjectedCluster {
  const identity = identitySchema.safeParse(object.metadata);
  if (!identity.success) return malformedCluster('metadata', identity.error);
  const metadata = metadataSchema.safeParse(object.metadata);
  if (!metadata.success) return malformedCluster('metadata', metadata.error);
  const deleting = typeof metadata.data.deletionTimestamp === 'string';
  const spec = specSchema.safeParse(object['spec']);
  const problem = spec.success ? bundleProblem(spec.data, identity.data.name) : describeIssues('spec', spec.error);
  if (problem !== undefined && !deleting) return { kind: 'malformed', message: problem };
  const status = statusSchema.safeParse(object['status'] ?? {});
  const labels = metadata.data.labels ?? {};
  const annotations = metadata.data.annotations ?? {};
  const readable = spec.success && problem === undefined ? spec.data : undefined;
  const view: ClusterView = {
    identity: { managementCluster: settings.managementCluster, ...identity.data },
    deleting,
    installed: readable?.installed === true,
    managed: labels['api.openshift.com/managed'] === 'true',
    fake: annotations['managed.openshift.com/fake'] === 'true',
    paused: annotations['hive.openshift.io/reconcile-pause'] === 'true',
    limitedSupport: labels['api.openshift.com/limited-support'] === 'true',
    ...(readable?.powerState === 'Hibernating' ? { hibernating: true } : {}),
    relocation: relocationOf(annotations['hive.openshift.io/relocate']),
    finalizer: metadata.data.finalizers?.includes(FINALIZER) === true,
    zoneName: (readable?.baseDomain ?? '').toLowerCase(),
    platform: platformOf(readable, labels['api.openshift.com/sts'] === 'true'),
    bundles: readable === undefined ? [] : bundlesOf(readable, settings.extraRecord),
    ...(status.success && status.data.apiURL ? { apiURL: status.data.apiURL } : {}),
    ...(status.success && status.data.webConsoleURL ? { webConsoleURL: status.data.webConsoleURL } : {}),
  };
  return { kind: 'cluster', view };
}

function relocationOf(value: string | undefined): RelocationState {
  if (value === undefined) return 'none';
  const state = value.slice(value.lastIndexOf('/') + 1);
  return value.includes('/') && (state === 'outgoing' || state === 'incoming' || state === 'complete')
    ? state
    : 'malformed';
}

function platformOf(spec: Spec | undefined, sts: boolean): PlatformView {
  const platform = spec?.platform ?? {};
  if (platform.aws) {
    const credentialsSecret = platform.aws.credentialsSecretRef?.name;
    return {
      kind: 'aws',
      region: platform.aws.region ?? '',
      sts,
      ...(credentialsSecret ? { credentialsSecret } : {}),
    };
  }
  if (platform.gcp) return { kind: 'gcp', credentialsSecret: platform.gcp.credentialsSecretRef?.name ?? '' };
  if (platform.azure) {
    return {
      kind: 'azure',
      credentialsSecret: platform.azure.credentialsSecretRef?.name ?? '',
      resourceGroupName: platform.azure.baseDomainResourceGroupName ?? '',
    };
  }
  return { kind: 'unsupported', found: (Object.keys(platform)[0] ?? 'none').slice(0, 64) };
}

function bundlesOf(spec: Spec, extraRecord: string | undefined): readonly BundleView[] {
  const serving = servingNames(spec);
  return (spec.certificateBundles ?? [])
    .filter((bundle) => bundle.generate === true)
    .map((bundle) => ({
      name: bundle.name,
      secretName: bundle.certificateSecretRef?.name ?? '',
      names: namesOfBundle(bundle.name, serving, extraRecord),
    }));
}

function servingNames(spec: Spec): ServingNames {
  const certificates = spec.controlPlaneConfig?.servingCertificates;
  return {
    clusterName: spec.clusterName,
    baseDomain: spec.baseDomain,
    ...(certificates?.default ? { defaultBundle: certificates.default } : {}),
    additional: (certificates?.additional ?? []).map((entry) => ({
      bundle: entry.name ?? '',
      domain: entry.domain ?? '',
    })),
    ingress: (spec.ingress ?? []).map((entry) => ({
      ...(entry.servingCertificate ? { bundle: entry.servingCertificate } : {}),
      domain: entry.domain ?? '',
    })),
  };
}

/** Why the bundles to be generated cannot each have a CertificateRequest and a Secret of their own. */
function bundleProblem(spec: Spec, clusterDeployment: string): string | undefined {
  const requests = new Set<string>();
  const secrets = new Set<string>();
  for (const bundle of spec.certificateBundles ?? []) {
    if (bundle.generate !== true) continue;
    const where = `spec.certificateBundles: the bundle ${quoted(bundle.name)}`;
    const request = requestName(clusterDeployment, bundle.name);
    const secret = bundle.certificateSecretRef?.name ?? '';
    if (!isObjectName(request)) {
      return `${where} cannot be part of an object's name (${quoted(request)}). Use lower case letters, digits and hyphens.`;
    }
    if (requests.has(request)) return `${where} is there twice. Give each bundle a name of its own.`;
    if (!isObjectName(secret)) {
      return `${where} has no usable certificateSecretRef.name (${quoted(secret)}). Name the Secret that the certificate goes into.`;
    }
    if (secrets.has(secret))
      return `${where} shares its Secret ${quoted(secret)} with another. Give each a Secret of its own.`;
    requests.add(request);
    secrets.add(secret);
  }
  return undefined;
}

function malformedCluster(where: string, error: z.ZodError): ProjectedCluster {
  return { kind: 'malformed', message: describeIssues(where, error) };
}

/** Paths and zod's own words, never the values: an object can hold anything. */
function describeIssues(where: string, error: z.ZodError): string {
  const issues = error.issues.slice(0, 3).map((issue) => {
    const path = [where, ...issue.path.map(String)].join('.').slice(0, 200);
    return `${path}: ${issue.message}`;
  });
  const more = error.issues.length > 3 ? ` and ${error.issues.length - 3} more` : '';
  return `The ClusterDeployment cannot be read: ${issues.join('; ')}${more}. Correct it, and it is looked at again.`;
}
