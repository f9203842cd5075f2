/**
 * Whose AWS credentials reach a cluster's zone: a Secret in its namespace, a chain of assumed roles, certman's own (FedRAMP),
 * or the default chain of the SDK. A CertificateRequest that stands alone has those of its Secret or none.
 */
import { createHash } from 'node:crypto';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { LoadingCache } from '../../cache/loading-cache.ts';
import type { ZoneTarget } from '../../clusters/cluster-view.ts';
import { CertmanError } from '../../failures/failure.ts';
import type { KubernetesApi } from '../../kubernetes/api/kubernetes-api.ts';
import {
  type AwsCredentials,
  OPERATOR_AWS_SECRET,
  readAwsCredentials,
  readStsRoles,
  type StsRoles,
} from '../../kubernetes/objects/aws-credentials.ts';
import { AWS_CONNECTIONS } from './api.ts';
import { fromAwsError } from './aws-error.ts';

/** How long a Secret is taken as read. What is refused is forgotten at once, so a Secret put right works at the next try. */
const CACHE_TTL_MS = 60_000;
const CAPACITY = 5_000;

/** AWS's shortest (STS API reference, AssumeRole); plenty, since they are renewed as they are used. */
const SESSION_SECONDS = 900;
/** Assumed credentials are not handed out when they end sooner than this. */
const SESSION_EXPIRY_MARGIN_MS = 120_000;

export interface SessionCredentials extends AwsCredentials {
  readonly sessionToken?: string;
}

/** Credentials and what they are told apart by. */
export interface ResolvedCredentials {
  /** Digest: equal for equal credentials. */
  readonly id: string;
  /** Equal for credentials that count against the same limits of an AWS account, as far as one can tell. */
  readonly account: string;
  /** Absent: the SDK's default chain. */
  readonly credentials?: SessionCredentials;
}

export interface CredentialSourceOptions {
  readonly kubernetes: KubernetesApi;
  /** Namespace of Secret `certman-operator-aws-credentials`. */
  readonly operatorNamespace: string;
  /** FedRAMP: certman's own credentials serve all clusters, and also the requests that stand alone where these may have them. */
  readonly fedramp?: { readonly standaloneRequests: boolean };
}

export class CredentialSource {
  readonly #options: CredentialSourceOptions;
  readonly #byTarget = new LoadingCache<ResolvedCredentials>({ max: CAPACITY, ttlMs: CACHE_TTL_MS });
  readonly #sessions = new LoadingCache<Session>({ max: CAPACITY, ttlMs: CACHE_TTL_MS });

  constructor(options: CredentialSourceOptions) {
    this.#options = options;
  }

  /** @throws CertmanError `dns/credentialsMissing`, `dns/credentialsMalformed`, `dns/accessDenied` (a role that may not be assumed), `dns/platformUnsupported`, `kubernetes/…`. */
  async resolve(target: ZoneTarget): Promise<ResolvedCredentials> {
    this.#refuseToLend(target);
    return await this.#byTarget.get(this.#keyOf(target), () => this.#load(target));
  }

  /** Forgets what was read for this cluster: AWS refused it. */
  invalidate(target: ZoneTarget): void {
    this.#byTarget.delete(this.#keyOf(target));
  }

  #keyOf({ namespace, clusterName, platform }: ZoneTarget): string {
    if (this.#options.fedramp !== undefined) return 'own';
    if (platform.kind !== 'aws') return platform.kind;
    if (platform.sts) return `sts ${namespace}/${clusterName}`;
    return platform.credentialsSecret === undefined ? 'default' : `secret ${namespace}/${platform.credentialsSecret}`;
  }

  async #load(target: ZoneTarget): Promise<ResolvedCredentials> {
    const { kubernetes, operatorNamespace, fedramp } = this.#options;
    const { platform, namespace, clusterName } = target;
    if (fedramp !== undefined) return this.#own();
    if (platform.kind !== 'aws') {
      throw new CertmanError({
        code: 'dns/platformUnsupported',
        message: `Cluster ${namespace}/${clusterName} is on ${platform.kind === 'unsupported' ? platform.found : platform.kind}, whose DNS certman cannot write yet.`,
        remedy: 'Only clusters with spec.platform.aws are served.',
        neverSent: true,
      });
    }
    if (platform.sts) {
      const secret = { namespace: operatorNamespace, name: OPERATOR_AWS_SECRET };
      const [operator, roles] = await Promise.all([
        readAwsCredentials(kubernetes, secret),
        readStsRoles(kubernetes, { namespace, claimName: clusterName }),
      ]);
      return this.#assumed(operator, roles, platform.region);
    }
    if (platform.credentialsSecret === undefined) return { id: 'default', account: 'default' };
    return toResolvedCredentials(await readAwsCredentials(kubernetes, { namespace, name: platform.credentialsSecret }));
  }

  /**
   * Whoever may create CertificateRequests in some namespace decides what is in one that stands alone: with credentials that
   * are not its owner's it would get certificates for names that are not its owner's either. Asked each time: the same
   * credentials may be known already on account of a cluster.
   */
  #refuseToLend({ kind, namespace, clusterName, platform }: ZoneTarget): void {
    if (kind === undefined) return;
    const request = `CertificateRequest ${namespace}/${clusterName} stands alone`;
    const { fedramp } = this.#options;
    if (fedramp !== undefined) {
      if (fedramp.standaloneRequests) return;
      throw new CertmanError({
        code: 'dns/credentialsMissing',
        message: `${request}, and in FedRAMP mode there are only certman's own AWS credentials, which serve ClusterDeployments.`,
        remedy:
          'Let a ClusterDeployment ask for the certificate, or have CERTMAN_FEDRAMP_STANDALONE_REQUESTS turned on by whoever runs certman.',
      });
    }
    if (platform.kind !== 'aws' || (platform.credentialsSecret !== undefined && !platform.sts)) return;
    throw new CertmanError({
      code: 'dns/credentialsMissing',
      message: `${request}, but its spec.platform.aws.credentials names no Secret, and certman's own AWS credentials are lent to ClusterDeployments only.`,
      remedy: `Name a Secret of namespace ${namespace} there that holds aws_access_key_id and aws_secret_access_key; it goes on by itself then.`,
      neverSent: true,
    });
  }

  /** The operator's Secret where there is one, else the worker's own role. */
  async #own(): Promise<ResolvedCredentials> {
    const secret = { namespace: this.#options.operatorNamespace, name: OPERATOR_AWS_SECRET };
    try {
      return toResolvedCredentials(await readAwsCredentials(this.#options.kubernetes, secret));
    } catch (error) {
      if (error instanceof CertmanError && error.code === 'dns/credentialsMissing') {
        return { id: 'default', account: 'default' };
      }
      throw error;
    }
  }

  /** Jump role first, from it the customer's role; both sessions are shared by all who need them. */
  async #assumed(operator: AwsCredentials, roles: StsRoles, region: string): Promise<ResolvedCredentials> {
    const jumpKey = digest(operator.accessKeyId, operator.secretAccessKey, roles.jumpRoleArn);
    const jump = await this.#sessions.get(
      jumpKey,
      () => assumeRole(operator, { roleArn: roles.jumpRoleArn, region }),
      sessionTtlMs,
    );
    const customer = await this.#sessions.get(
      digest(jumpKey, roles.customerRoleArn, roles.externalId ?? ''),
      () =>
        assumeRole(jump.credentials, {
          roleArn: roles.customerRoleArn,
          region,
          ...(roles.externalId === undefined ? {} : { externalId: roles.externalId }),
        }),
      sessionTtlMs,
    );
    const account = /^arn:[^:]*:iam::(\d+):/.exec(roles.customerRoleArn)?.[1];
    return { ...toResolvedCredentials(customer.credentials), account: account ?? roles.customerRoleArn };
  }
}

interface Session {
  readonly credentials: SessionCredentials;
  /** Milliseconds since the epoch. */
  readonly expires: number;
}

function sessionTtlMs(session: Session): number {
  return session.expires - Date.now() - SESSION_EXPIRY_MARGIN_MS;
}

async function assumeRole(
  credentials: SessionCredentials,
  role: { readonly roleArn: string; readonly region: string; readonly externalId?: string },
): Promise<Session> {
  const client = new STSClient({ region: role.region, credentials, maxAttempts: 2, requestHandler: AWS_CONNECTIONS });
  try {
    const answer = await client.send(
      new AssumeRoleCommand({
        RoleArn: role.roleArn,
        RoleSessionName: 'certman',
        DurationSeconds: SESSION_SECONDS,
        ...(role.externalId === undefined ? {} : { ExternalId: role.externalId }),
      }),
    );
    const given = answer.Credentials;
    if (given?.AccessKeyId === undefined || given.SecretAccessKey === undefined || given.SessionToken === undefined) {
      throw new CertmanError({
        code: 'dns/unexpected',
        message: `AWS let role ${role.roleArn} be assumed without giving credentials.`,
      });
    }
    return {
      credentials: {
        accessKeyId: given.AccessKeyId,
        secretAccessKey: given.SecretAccessKey,
        sessionToken: given.SessionToken,
      },
      expires: given.Expiration?.getTime() ?? Date.now() + SESSION_SECONDS * 1_000,
    };
  } catch (error) {
    throw fromAwsError(`let role ${role.roleArn} be assumed`, error);
  }
}

function toResolvedCredentials(credentials: SessionCredentials): ResolvedCredentials {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  return { id: digest(accessKeyId, secretAccessKey, sessionToken ?? ''), account: digest(accessKeyId), credentials };
}

function digest(...parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
}
