/**
 * Where AWS credentials for a cluster's DNS come from: a Secret in its namespace, or, for STS clusters, the chain of roles
 * that aws-account-operator describes.
 */
import { z } from 'zod';
import { CertmanError } from '../../failures/failure.ts';
import { type KubernetesApi, type KubernetesObject } from '../api/kubernetes-api.ts';
import { isObjectName } from '../api/resource-path.ts';
import { ACCOUNT_CLAIMS, CONFIG_MAPS, SECRETS } from './resources.ts';
import { readSecretText } from './secret-data.ts';

/** Secret in certman's namespace whose credentials assume the jump role. */
export const OPERATOR_AWS_SECRET = 'certman-operator-aws-credentials';
export const STS_CONFIG_MAP = { namespace: 'aws-account-operator', name: 'aws-account-operator-configmap' } as const;
const JUMP_ROLE_ENTRY = 'sts-jump-role';

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/**
 * Static credentials out of a Secret (`aws_access_key_id`, `aws_secret_access_key`; surrounding white space ignored).
 * @throws CertmanError `dns/credentialsMissing` when the Secret does not exist, `dns/credentialsMalformed` when an entry is missing or unusable.
 */
export async function readAwsCredentials(
  kubernetes: KubernetesApi,
  secret: { readonly namespace: string; readonly name: string },
  signal?: AbortSignal,
): Promise<AwsCredentials> {
  const where = `Secret ${secret.namespace}/${secret.name}`;
  // Of any other name there is none, and as part of a path it could lead to something else.
  const found = isObjectName(secret.name) ? await kubernetes.get(SECRETS, secret, signal) : undefined;
  if (found === undefined) {
    throw new CertmanError({
      code: 'dns/credentialsMissing',
      message: `${where}, which should hold the AWS credentials for the cluster's DNS, does not exist.`,
      remedy: 'Create it with aws_access_key_id and aws_secret_access_key; issuance then goes on by itself.',
    });
  }
  const entry = (name: string, form: RegExp): string => {
    const read = readSecretText(found['data'], name);
    const text = read.kind === 'text' ? read.text.trim() : '';
    if (form.test(text)) return text;
    throw new CertmanError({
      code: 'dns/credentialsMalformed',
      message: `${where} ${text === '' ? `has no ${name}` : `has a ${name} that is not in the form AWS uses`}.`,
      remedy: `Put the ${name} of an IAM user or role that may change the cluster's hosted zone there.`,
    });
  };
  // Loose on purpose: length limits of https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKey.html.
  return {
    accessKeyId: entry('aws_access_key_id', /^\w{4,128}$/),
    secretAccessKey: entry('aws_secret_access_key', /^[\x21-\x7e]{4,256}$/),
  };
}

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
const claimSpecSchema = z.looseObject({
  stsRoleARN: roleArnSchema,
  stsExternalID: z.string().trim().max(1224).optional(),
});

/**
 * The roles for an STS cluster. @param claim the AccountClaim's namespace, and its name; without one, the only claim there.
 * @throws CertmanError `dns/credentialsMissing` or `dns/credentialsMalformed`, saying which object lacks what.
 */
export async function readStsRoles(
  kubernetes: KubernetesApi,
  claim: { readonly namespace: string; readonly claimName?: string },
  signal?: AbortSignal,
): Promise<StsRoles> {
  const [jumpRoleArn, found] = await Promise.all([
    readJumpRole(kubernetes, signal),
    findClaim(kubernetes, claim.namespace, claim.claimName, signal),
  ]);
  const spec = claimSpecSchema.safeParse(found['spec']);
  if (!spec.success) {
    throw new CertmanError({
      code: 'dns/credentialsMalformed',
      message: `AccountClaim ${claim.namespace}/${found.metadata.name} has no usable spec.stsRoleARN (${spec.error.issues[0]?.path.join('.')}: ${spec.error.issues[0]?.message}).`,
      remedy: 'Set spec.stsRoleARN to the ARN of the role in the cluster’s AWS account.',
    });
  }
  const externalId = spec.data.stsExternalID;
  return {
    jumpRoleArn,
    customerRoleArn: spec.data.stsRoleARN,
    ...(externalId === undefined || externalId === '' ? {} : { externalId }),
  };
}

async function readJumpRole(kubernetes: KubernetesApi, signal?: AbortSignal): Promise<string> {
  const where = `ConfigMap ${STS_CONFIG_MAP.namespace}/${STS_CONFIG_MAP.name}`;
  const configMap = await kubernetes.get(CONFIG_MAPS, STS_CONFIG_MAP, signal);
  const data = z.record(z.string(), z.string()).catch({}).parse(configMap?.['data']);
  const role = roleArnSchema.safeParse(data[JUMP_ROLE_ENTRY]);
  if (role.success) return role.data;
  const missing = configMap === undefined || data[JUMP_ROLE_ENTRY] === undefined;
  throw new CertmanError({
    code: missing ? 'dns/credentialsMissing' : 'dns/credentialsMalformed',
    message: `${where} ${configMap === undefined ? 'does not exist' : missing ? `has no ${JUMP_ROLE_ENTRY}` : `has a ${JUMP_ROLE_ENTRY} that is no role's ARN`}.`,
    remedy: `Set ${JUMP_ROLE_ENTRY} there to the ARN of the role that may assume the customers' roles.`,
  });
}

async function findClaim(
  kubernetes: KubernetesApi,
  namespace: string,
  claimName: string | undefined,
  signal?: AbortSignal,
): Promise<KubernetesObject> {
  const found: KubernetesObject[] = [];
  if (claimName === undefined) {
    const options = { namespace, ...(signal === undefined ? {} : { signal }) };
    for await (const claim of kubernetes.list(ACCOUNT_CLAIMS, options)) found.push(claim);
  } else {
    const claim = await kubernetes.get(ACCOUNT_CLAIMS, { namespace, name: claimName }, signal);
    if (claim !== undefined) found.push(claim);
  }
  const [only, ...others] = found;
  if (only !== undefined && others.length === 0) return only;
  throw new CertmanError({
    code: 'dns/credentialsMissing',
    message:
      only === undefined
        ? `The cluster uses STS, but there is no AccountClaim ${namespace}/${claimName ?? '*'} that names its role.`
        : `The cluster uses STS, but namespace ${namespace} has ${found.length} AccountClaims, so its role is not known.`,
    remedy: 'Exactly one AccountClaim with spec.stsRoleARN is expected in the namespace of the ClusterDeployment.',
  });
}
