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
import type { KubernetesObject } from '../api/kubernetes-api.ts';
import { isObjectName } from '../api/resource-path.ts';
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

const MAX_REPORTED_ISSUES = 3;

const shortText = z.string().max(253);
const text = z.string().max(4096);
const strings = z.record(z.string(), z.string()).nullish();
/** Hive sometimes writes absent lists as null. */
const listOf = <T extends z.ZodType>(item: T, max: number) => z.array(item).max(max).nullish();

const metadataSchema = z.object({
  name: shortText.min(1),
  namespace: shortText.min(1),
  uid: z.string().min(1).max(128),
  labels: strings,
  annotations: strings,
  finalizers: z.array(z.string()).nullish(),
  deletionTimestamp: z.string().nullish(),
});

/** As the CertificateRequest's `acmeDNSDomain`: any other value could not be shown on a request. */
const domain = shortText
  .min(1)
  .regex(
    /^([a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?\.?$/i,
    'it is no domain name',
  );

const secretRef = z
  .object({ name: shortText.nullish() })
  .nullish()
  .transform((ref) => ref?.name ?? '');

const specSchema = z.object({
  clusterName: shortText.min(1),
  baseDomain: domain,
  installed: z.boolean().nullish(),
  /** `Running` or `Hibernating`. */
  powerState: shortText.nullish().catch(undefined),
  platform: z
    .object({
      aws: z.object({ region: shortText.nullish(), credentialsSecretRef: secretRef }).nullish(),
      gcp: z.object({ credentialsSecretRef: secretRef }).nullish(),
      azure: z.object({ credentialsSecretRef: secretRef, baseDomainResourceGroupName: shortText.nullish() }).nullish(),
    })
    .catchall(z.unknown())
    .nullish(),
  certificateBundles: listOf(
    z.object({ name: shortText.min(1), generate: z.boolean().nullish(), certificateSecretRef: secretRef }),
    32,
  ).transform((bundles) => (bundles ?? []).filter(({ generate }) => generate === true)),
  controlPlaneConfig: z
    .object({
      servingCertificates: z
        .object({
          default: shortText.nullish(),
          additional: listOf(z.object({ name: shortText.nullish(), domain: text.nullish() }), 1000),
        })
        .nullish(),
    })
    .nullish(),
  ingress: listOf(z.object({ domain: text.nullish(), servingCertificate: shortText.nullish() }), 1000),
});

const url = text.nullish().transform((value) => value || undefined);
const statusSchema = z
  .object({ apiURL: url, webConsoleURL: url })
  .catch({ apiURL: undefined, webConsoleURL: undefined });

type Spec = z.infer<typeof specSchema>;

/** Projects a ClusterDeployment (hive.openshift.io/v1). A malformed spec must not block a deletion. */
export function projectClusterDeployment(object: KubernetesObject, settings: ProjectionSettings): ProjectedCluster {
  const metadata = metadataSchema.safeParse(object.metadata);
  if (!metadata.success) return { kind: 'malformed', message: describeIssues('metadata', metadata.error) };
  const { name, namespace, uid, labels, annotations, finalizers, deletionTimestamp } = metadata.data;
  const deleting = typeof deletionTimestamp === 'string';
  const parsed = specSchema.safeParse(object['spec']);
  const problem = parsed.success ? bundleProblem(parsed.data, name) : describeIssues('spec', parsed.error);
  if (problem !== undefined && !deleting) return { kind: 'malformed', message: problem };
  const spec = problem === undefined ? parsed.data : undefined;
  const view: ClusterView = {
    identity: { managementCluster: settings.managementCluster, name, namespace, uid },
    deleting,
    installed: spec?.installed === true,
    managed: labels?.['api.openshift.com/managed'] === 'true',
    fake: annotations?.['managed.openshift.com/fake'] === 'true',
    paused: annotations?.['hive.openshift.io/reconcile-pause'] === 'true',
    limitedSupport: labels?.['api.openshift.com/limited-support'] === 'true',
    hibernating: spec?.powerState === 'Hibernating' ? true : undefined,
    relocation: relocationOf(annotations?.['hive.openshift.io/relocate']),
    finalizer: finalizers?.includes(FINALIZER) === true,
    zoneName: (spec?.baseDomain ?? '').toLowerCase(),
    platform: platformOf(spec?.platform ?? {}, labels?.['api.openshift.com/sts'] === 'true'),
    bundles: spec === undefined ? [] : bundlesOf(spec, settings.extraRecord),
    ...statusSchema.parse(object['status'] ?? {}),
  };
  return { kind: 'cluster', view };
}

function relocationOf(value: string | undefined): RelocationState {
  if (value === undefined) return 'none';
  const [, state] = /\/(outgoing|incoming|complete)$/.exec(value) ?? [];
  return (state as RelocationState | undefined) ?? 'malformed';
}

function platformOf(platform: NonNullable<Spec['platform']>, sts: boolean): PlatformView {
  const { aws, gcp, azure } = platform;
  if (aws) {
    return { kind: 'aws', region: aws.region ?? '', sts, credentialsSecret: aws.credentialsSecretRef || undefined };
  }
  if (gcp) return { kind: 'gcp', credentialsSecret: gcp.credentialsSecretRef };
  if (azure) {
    const { credentialsSecretRef: credentialsSecret, baseDomainResourceGroupName } = azure;
    return { kind: 'azure', credentialsSecret, resourceGroupName: baseDomainResourceGroupName ?? '' };
  }
  return { kind: 'unsupported', found: (Object.keys(platform)[0] ?? 'none').slice(0, 64) };
}

function bundlesOf(spec: Spec, extraRecord: string | undefined): readonly BundleView[] {
  const certificates = spec.controlPlaneConfig?.servingCertificates;
  const serving: ServingNames = {
    clusterName: spec.clusterName,
    baseDomain: spec.baseDomain,
    defaultBundle: certificates?.default || undefined,
    additional: (certificates?.additional ?? []).map((entry) => ({
      bundle: entry.name ?? '',
      domain: entry.domain ?? '',
    })),
    ingress: (spec.ingress ?? []).map((entry) => ({
      bundle: entry.servingCertificate || undefined,
      domain: entry.domain ?? '',
    })),
  };
  return spec.certificateBundles.map(({ name, certificateSecretRef: secretName }) => ({
    name,
    secretName,
    names: namesOfBundle(name, serving, extraRecord),
  }));
}

/** Why the bundles cannot each have a CertificateRequest and a Secret of their own. */
function bundleProblem(spec: Spec, clusterDeployment: string): string | undefined {
  const requests = new Set<string>();
  const secrets = new Set<string>();
  for (const { name, certificateSecretRef: secret } of spec.certificateBundles) {
    const where = `spec.certificateBundles: the bundle ${quoted(name)}`;
    const request = requestName(clusterDeployment, name);
    if (!isObjectName(request)) {
      return `${where} cannot be part of an object's name (${quoted(request)}). Use lower case letters, digits and hyphens.`;
    }
    if (requests.has(request)) return `${where} is there twice. Give each bundle a name of its own.`;
    if (!isObjectName(secret)) {
      return `${where} has no usable certificateSecretRef.name (${quoted(secret)}). Name the Secret that the certificate goes into.`;
    }
    if (secrets.has(secret)) {
      return `${where} shares its Secret ${quoted(secret)} with another. Give each a Secret of its own.`;
    }
    requests.add(request);
    secrets.add(secret);
  }
  return undefined;
}

/** Paths and zod's own words, never values: an object can hold anything. */
function describeIssues(where: string, { issues }: z.ZodError): string {
  const described = issues
    .slice(0, MAX_REPORTED_ISSUES)
    .map(({ path, message }) => `${[where, ...path.map(String)].join('.').slice(0, 200)}: ${message}`);
  const more = issues.length > MAX_REPORTED_ISSUES ? ` and ${issues.length - MAX_REPORTED_ISSUES} more` : '';
  return `The ClusterDeployment cannot be read: ${described.join('; ')}${more}. certman evaluates it again once it is corrected.`;
}
