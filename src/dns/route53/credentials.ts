import { createHash } from 'node:crypto';
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
import { platformUnsupported } from '../provider.ts';
import { assumeRole, type Session, type SessionCredentials, usableMs } from './assume-role.ts';

/** How long a Secret is not read again. Credentials that AWS refuses are dropped at once: see `invalidate`. */
const CACHE_OPTIONS = { max: 5_000, ttlMs: 60_000 };

/** Credentials, and what they are distinguished by. */
export interface ResolvedCredentials {
  /** Digest: equal for equal credentials. */
  readonly id: string;
  /** Equal for credentials that share the limits of an AWS account, as far as that is known. */
  readonly account: string;
  /** Absent: the SDK's default chain. */
  readonly credentials?: SessionCredentials;
}

const DEFAULT_CHAIN: ResolvedCredentials = { id: 'default', account: 'default' };

/** Where credentials are read from. */
export interface CredentialSourceOptions {
  readonly kubernetes: KubernetesApi;
  readonly operatorNamespace: string;
  /** FedRAMP: certman's own credentials serve all clusters, and standalone requests where these may use them. */
  readonly fedramp?: { readonly standaloneRequests: boolean };
}

/** Finds and caches AWS credentials: a zone's Secret, assumed roles, certman's own (FedRAMP), or the SDK's default. */
export class CredentialSource {
  readonly #options: CredentialSourceOptions;
  readonly #resolved = new LoadingCache<ResolvedCredentials>(CACHE_OPTIONS);
  readonly #sessions = new LoadingCache<Session>(CACHE_OPTIONS);

  constructor(options: CredentialSourceOptions) {
    this.#options = options;
  }

  /**
   * @throws CertmanError `dns/credentialsMissing`, `dns/credentialsMalformed`, `dns/accessDenied` (a role that may not
   *   be assumed), `dns/platformUnsupported`, `kubernetes/…`.
   */
  async resolve(target: ZoneTarget): Promise<ResolvedCredentials> {
    // On every call: a cluster of the same namespace may have put the same credentials into the cache.
    this.#requireOwnSecret(target);
    return await this.#resolved.get(this.#keyOf(target), () => this.#load(target));
  }

  /** AWS refused the target's credentials: the next call reads them anew. */
  invalidate(target: ZoneTarget): void {
    this.#resolved.delete(this.#keyOf(target));
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
    const operatorSecret = { namespace: operatorNamespace, name: OPERATOR_AWS_SECRET };
    if (fedramp !== undefined) {
      try {
        return toResolved(await readAwsCredentials(kubernetes, operatorSecret));
      } catch (error) {
        // Without the Secret, the worker has a role of its own.
        if (error instanceof CertmanError && error.code === 'dns/credentialsMissing') return DEFAULT_CHAIN;
        throw error;
      }
    }
    if (platform.kind !== 'aws') throw platformUnsupported(target, ['aws']);
    if (platform.sts) {
      const [operator, roles] = await Promise.all([
        readAwsCredentials(kubernetes, operatorSecret),
        readStsRoles(kubernetes, { namespace, claimName: clusterName }),
      ]);
      return await this.#assumeRoles(operator, roles, platform.region);
    }
    if (platform.credentialsSecret === undefined) return DEFAULT_CHAIN;
    return toResolved(await readAwsCredentials(kubernetes, { namespace, name: platform.credentialsSecret }));
  }

  /** A standalone request uses its own Secret only: with certman's, its author could get names of other users. */
  #requireOwnSecret({ kind, namespace, clusterName, platform }: ZoneTarget): void {
    if (kind === undefined) return;
    const request = `CertificateRequest ${namespace}/${clusterName} is standalone`;
    const { fedramp } = this.#options;
    if (fedramp !== undefined) {
      if (fedramp.standaloneRequests) return;
      throw new CertmanError({
        code: 'dns/credentialsMissing',
        message: `${request}, and in FedRAMP mode there are only certman's own AWS credentials, which serve ClusterDeployments.`,
        remedy:
          "Let a ClusterDeployment request the certificate, or have certman's operator set CERTMAN_FEDRAMP_STANDALONE_REQUESTS.",
      });
    }
    if (platform.kind !== 'aws' || (platform.credentialsSecret !== undefined && !platform.sts)) return;
    throw new CertmanError({
      code: 'dns/credentialsMissing',
      message: `${request}, but its spec.platform.aws.credentials names no Secret, and certman's own AWS credentials serve ClusterDeployments only.`,
      remedy: `Name a Secret of namespace ${namespace} there that has aws_access_key_id and aws_secret_access_key; issuance then continues.`,
      neverSent: true,
    });
  }

  /** The jump role first, from it the customer's role; clusters with the same roles share the sessions. */
  async #assumeRoles(operator: AwsCredentials, roles: StsRoles, region: string): Promise<ResolvedCredentials> {
    const { jumpRoleArn, customerRoleArn, externalId } = roles;
    const jumpKey = digest(operator.accessKeyId, operator.secretAccessKey, jumpRoleArn);
    const assumeJump = () => assumeRole(operator, { arn: jumpRoleArn, region });
    const jump = await this.#sessions.get(jumpKey, assumeJump, usableMs);
    const assumeCustomer = () => assumeRole(jump.credentials, { arn: customerRoleArn, region, externalId });
    const customerKey = digest(jumpKey, customerRoleArn, externalId ?? '');
    const customer = await this.#sessions.get(customerKey, assumeCustomer, usableMs);
    const account = /^arn:[^:]*:iam::(\d+):/.exec(customerRoleArn)?.[1];
    return { ...toResolved(customer.credentials), account: account ?? customerRoleArn };
  }
}

function toResolved(credentials: SessionCredentials): ResolvedCredentials {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  return { id: digest(accessKeyId, secretAccessKey, sessionToken ?? ''), account: digest(accessKeyId), credentials };
}

function digest(...parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
}
