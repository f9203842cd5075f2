/** AWS credentials for a cluster's DNS: a Secret in its namespace or, with STS, aws-account-operator's role chain. */
import { z } from 'zod';
import { CertmanError } from '../../failures/failure.ts';
import { getIfKnown } from '../api/discovery.ts';
import type { KubernetesApi, ObjectKey } from '../api/kubernetes-api.ts';
import { describeObject, isObjectName } from '../api/resource-path.ts';
import { ACCOUNT_CLAIMS, CONFIG_MAPS, NAMESPACES, SECRETS } from './resources.ts';
import { readSecretText } from './secret-data.ts';

/** Secret in certman's namespace whose credentials assume the jump role. */
export const OPERATOR_AWS_SECRET = 'certman-operator-aws-credentials';
/** ConfigMap that names the jump role. */
export const STS_CONFIG_MAP = { namespace: 'aws-account-operator', name: 'aws-account-operator-configmap' } as const;
const JUMP_ROLE_ENTRY = 'sts-jump-role';

/** Label of a Namespace (`"true"`) whose ClusterDeployments may use certman's own AWS credentials. */
export const AMBIENT_CREDENTIALS_LABEL = 'certman.managed.openshift.io/ambient-aws-credentials';

/** Whether a Namespace has {@link AMBIENT_CREDENTIALS_LABEL}. @throws CertmanError `kubernetes/…`. */
export async function allowsAmbientCredentials(kubernetes: KubernetesApi, namespace: string): Promise<boolean> {
  const found = await kubernetes.get(NAMESPACES, { name: namespace });
  return found?.metadata.labels?.[AMBIENT_CREDENTIALS_LABEL] === 'true';
}

/** Label of a Namespace (`"true"`) whose ClusterDeployments may delegate challenges to the challenge zone. */
export const CHALLENGE_ZONE_LABEL = 'certman.managed.openshift.io/challenge-zone';

/** Whether a Namespace has {@link CHALLENGE_ZONE_LABEL}. @throws CertmanError `kubernetes/…`. */
export async function allowsChallengeZone(kubernetes: KubernetesApi, namespace: string): Promise<boolean> {
  const found = await kubernetes.get(NAMESPACES, { name: namespace });
  return found?.metadata.labels?.[CHALLENGE_ZONE_LABEL] === 'true';
}

/** Static credentials. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** From a Secret. @throws CertmanError `dns/credentialsMissing` (no Secret), `dns/credentialsMalformed` (bad entry). */
export async function readAwsCredentials(kubernetes: KubernetesApi, secret: ObjectKey): Promise<AwsCredentials> {
  const where = describeObject(SECRETS, secret);
  const found = isObjectName(secret.name) ? await kubernetes.get(SECRETS, secret) : undefined;
  if (found === undefined) {
    throw missingError(
      `${where}, which should hold the AWS credentials for the cluster's DNS, does not exist.`,
      'Create it with aws_access_key_id and aws_secret_access_key; issuance then continues by itself.',
    );
  }
  const entry = (name: string, form: RegExp): string => {
    const text = readSecretText(found['data'], name).text?.trim() ?? '';
    if (form.test(text)) return text;
    throw malformedError(
      `${where} ${text === '' ? `has no ${name}` : `has a ${name} that is not in the form AWS uses`}.`,
      `Put the ${name} of an IAM user or role that may change the cluster's hosted zone there.`,
    );
  };
  // Wider than the limits of https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKey.html.
  return {
    accessKeyId: entry('aws_access_key_id', /^\w{4,128}$/),
    secretAccessKey: entry('aws_secret_access_key', /^[\x21-\x7e]{4,256}$/),
  };
}

/** Roles to assume one after the other. */
export interface StsRoles {
  /** Assumed first, with the credentials in Secret {@link OPERATOR_AWS_SECRET}. */
  readonly jumpRoleArn: string;
  /** Assumed from the jump role; may change the customer's hosted zone. */
  readonly customerRoleArn: string;
  readonly externalId?: string;
}

const roleArnSchema = z
  .string()
  .trim()
  .max(2048)
  .regex(/^arn:[\w-]+:iam::\d{12}:role\/.+$/);
const claimSpecSchema = z.object({
  stsRoleARN: roleArnSchema,
  stsExternalID: z.string().trim().max(1224).optional(),
});
const configMapDataSchema = z.record(z.string(), z.string()).catch({});

/**
 * The roles for an STS cluster, from the ConfigMap and from the AccountClaim of the cluster's name.
 * @throws CertmanError `dns/credentialsMissing` or `dns/credentialsMalformed`, with the object that is wrong.
 */
export async function readStsRoles(kubernetes: KubernetesApi, claim: ObjectKey): Promise<StsRoles> {
  const [jumpRoleArn, found] = await Promise.all([
    readJumpRole(kubernetes),
    getIfKnown(kubernetes, ACCOUNT_CLAIMS, claim),
  ]);
  const where = describeObject(ACCOUNT_CLAIMS, claim);
  if (found === undefined) {
    throw missingError(
      `The cluster uses STS, but there is no ${where} that names its role.`,
      'Exactly one AccountClaim with spec.stsRoleARN is expected in the namespace of the ClusterDeployment.',
    );
  }
  const { data, error } = claimSpecSchema.safeParse(found['spec']);
  if (data !== undefined) {
    return { jumpRoleArn, customerRoleArn: data.stsRoleARN, externalId: data.stsExternalID || undefined };
  }
  const [issue] = error.issues;
  throw malformedError(
    `${where} has no usable spec.stsRoleARN (${issue?.path.join('.')}: ${issue?.message}).`,
    'Set spec.stsRoleARN to the ARN of the role in the cluster’s AWS account.',
  );
}

async function readJumpRole(kubernetes: KubernetesApi): Promise<string> {
  const where = describeObject(CONFIG_MAPS, STS_CONFIG_MAP);
  const remedy = `Set ${JUMP_ROLE_ENTRY} there to the ARN of the role that may assume the customers' roles.`;
  const configMap = await kubernetes.get(CONFIG_MAPS, STS_CONFIG_MAP);
  if (configMap === undefined) throw missingError(`${where} does not exist.`, remedy);
  const value = configMapDataSchema.parse(configMap['data'])[JUMP_ROLE_ENTRY];
  if (value === undefined) throw missingError(`${where} has no ${JUMP_ROLE_ENTRY}.`, remedy);
  const role = roleArnSchema.safeParse(value);
  if (!role.success) throw malformedError(`${where} has a ${JUMP_ROLE_ENTRY} that is no role's ARN.`, remedy);
  return role.data;
}

function missingError(message: string, remedy: string): CertmanError {
  return new CertmanError({ code: 'dns/credentialsMissing', message, remedy });
}

function malformedError(message: string, remedy: string): CertmanError {
  return new CertmanError({ code: 'dns/credentialsMalformed', message, remedy });
}
