import { z } from 'zod';
import { quoted } from '../../certificates/dns-name.ts';
import { requestName } from '../../clusters/request-name.ts';
import { isObjectName } from '../api/resource-path.ts';

/** The spec of a ClusterDeployment. Absent texts are empty. */
export type ClusterDeploymentSpec = z.infer<typeof specSchema>;

const MAX_REPORTED_ISSUES = 3;

const requiredText = z.string().min(1).max(253);
const strings = z.record(z.string(), z.string()).nullish();
/** The identity becomes part of workflow ids and paths. */
const metadataSchema = z.object({
  name: requiredText,
  namespace: requiredText,
  uid: z.string().min(1).max(128),
  labels: strings,
  annotations: strings,
  finalizers: z.array(z.string()).nullish(),
  deletionTimestamp: z.string().nullish(),
});

/** Hive sometimes writes what is absent as null. */
const optionalText = (max: number) => {
  const text = z.string().max(max).nullish();
  return text.transform((value) => value ?? '');
};
const listOf = <Item extends z.ZodType>(item: Item, max: number) => {
  const list = z.array(item).max(max).nullish();
  return list.transform((items) => items ?? []);
};
const shortText = optionalText(253);
const longText = optionalText(4096);
const secretRef = z
  .object({ name: shortText })
  .nullish()
  .transform((ref) => ref?.name ?? '');

const enabled = z
  .object({ enabled: z.boolean().nullish() })
  .nullish()
  .catch(null)
  .transform((found) => found?.enabled === true);

/** As the CertificateRequest's `acmeDNSDomain`: any other value could not be shown on a request. */
const domain = requiredText.regex(
  /^([a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?\.?$/i,
  'it is no domain name',
);

const bundleSchema = z.object({ name: requiredText, generate: z.boolean().nullish(), certificateSecretRef: secretRef });
const specSchema = z.object({
  clusterName: requiredText,
  baseDomain: domain,
  installed: z.boolean().nullish(),
  /** `Running` or `Hibernating`. */
  powerState: shortText.catch(''),
  platform: z
    .looseObject({
      aws: z.object({ region: shortText, credentialsSecretRef: secretRef, privateLink: enabled }).nullish(),
      gcp: z.object({ credentialsSecretRef: secretRef, privateServiceConnect: enabled }).nullish(),
      azure: z
        .object({ credentialsSecretRef: secretRef, baseDomainResourceGroupName: shortText, cloudName: shortText })
        .nullish(),
    })
    .nullish(),
  /** Those to generate. */
  certificateBundles: listOf(bundleSchema, 32).transform((bundles) =>
    bundles.filter(({ generate }) => generate === true),
  ),
  controlPlaneConfig: z
    .object({
      servingCertificates: z
        .object({ default: shortText, additional: listOf(z.object({ name: shortText, domain: longText }), 1000) })
        .nullish(),
    })
    .nullish(),
  ingress: listOf(z.object({ servingCertificate: shortText, domain: longText }), 1000),
});

const url = longText.transform((value) => value || undefined);
const statusSchema = z
  .object({ apiURL: url, webConsoleURL: url })
  .catch({ apiURL: undefined, webConsoleURL: undefined });

/** The metadata of a ClusterDeployment, or why it cannot be served. */
export function parseClusterDeploymentMetadata(metadata: unknown) {
  const { data, error } = metadataSchema.safeParse(metadata);
  return data === undefined ? { problem: describeIssues('metadata', error) } : { metadata: data };
}

/** The spec of the ClusterDeployment `name`, or why it cannot be served. */
export function parseClusterDeploymentSpec(
  spec: unknown,
  name: string,
): { readonly spec?: ClusterDeploymentSpec; readonly problem?: string } {
  const { data, error } = specSchema.safeParse(spec);
  const problem = data === undefined ? describeIssues('spec', error) : bundleProblem(data, name);
  return problem === undefined ? { spec: data } : { problem };
}

/** The URLs in the status, where there are any. */
export function parseClusterDeploymentStatus(status: unknown): z.infer<typeof statusSchema> {
  return statusSchema.parse(status ?? {});
}

/** Why the bundles cannot each have a CertificateRequest and a Secret of their own. */
function bundleProblem(spec: ClusterDeploymentSpec, clusterDeployment: string): string | undefined {
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
