import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { LoadingCache } from '../../cache/loading-cache.ts';
import { maxEntries } from '../../cache/max-entries.ts';
import { CertmanError, isFailure } from '../../failures/failure.ts';
import {
  AMBIENT_CREDENTIALS_LABEL,
  type AwsCredentials,
  allowsAmbientCredentials,
  OPERATOR_AWS_SECRET,
  readAwsCredentials,
  readStsRoles,
} from '../../kubernetes/objects/aws-credentials.ts';
import { type DnsProviderOptions, type DnsTarget, platformUnsupported } from '../provider.ts';
import type { ResolvedCredentials } from './api.ts';
import { assumeRole, type Session, type SessionCredentials, sessionNameOf, usableMs } from './assume-role.ts';
import { ownRegion, route53Region } from './region.ts';

/** How long a Secret is not read again. Credentials that AWS refuses are dropped at once: see `invalidate`. */
const CACHE_OPTIONS = { max: 5_000, ttlMs: 60_000 };

/** Whose DNS certman's own (ambient) AWS credentials may change: that of labelled namespaces only, or of all. */
export type AmbientCredentials = 'labelled' | 'all';

/** FedRAMP: one zone and certman's own credentials for all clusters, and for standalone requests where these may. */
export interface FedrampSettings {
  readonly hostedZoneId: string;
  readonly standaloneRequests: boolean;
}

/** The zone that challenges of all clusters may be delegated to by CNAME. */
export interface ChallengeZoneSettings {
  /** Absent: found by its name. */
  readonly hostedZoneId?: string;
  /** Secret in certman's namespace; absent: certman's own credentials. */
  readonly credentialsSecret?: string;
}

/** Which credentials serve which zones. */
export interface CredentialSettings {
  readonly fedramp?: FedrampSettings;
  /** Whether ClusterDeployments that name no Secret use certman's own credentials. */
  readonly ambientCredentials: AmbientCredentials;
  readonly challengeZone?: ChallengeZoneSettings;
}

/** Where a target's credentials come from. */
interface Source {
  /** Equal for targets that share them. */
  readonly key: string;
  readonly load: () => Promise<ResolvedCredentials>;
}

/** Finds and caches AWS credentials: a zone's Secret, assumed roles, certman's own (FedRAMP), or the SDK's default. */
export class CredentialSource {
  readonly #options: DnsProviderOptions;
  readonly #fedramp: FedrampSettings | undefined;
  readonly #ambient: AmbientCredentials;
  readonly #challengeZoneSecret: string | undefined;
  readonly #resolved = new LoadingCache<ResolvedCredentials>(CACHE_OPTIONS);
  readonly #sessions = new LoadingCache<Session>(CACHE_OPTIONS);
  /** The session of a customer's role that a target uses, by the key of its source. */
  readonly #sessionOf = new LRUCache<string, string>(maxEntries(CACHE_OPTIONS.max));

  constructor(options: DnsProviderOptions, { fedramp, ambientCredentials, challengeZone }: CredentialSettings) {
    this.#options = options;
    this.#fedramp = fedramp;
    this.#ambient = ambientCredentials;
    this.#challengeZoneSecret = challengeZone?.credentialsSecret;
  }

  /**
   * @throws CertmanError `dns/credentialsMissing`, `dns/credentialsMalformed`, `dns/accessDenied` (a role that may not
   *   be assumed), `dns/platformUnsupported`, `kubernetes/…`.
   */
  async resolve(target: DnsTarget): Promise<ResolvedCredentials> {
    // Checks on every call: a cluster of the same namespace may have put the same credentials into the cache.
    const { key, load } = this.#sourceOf(target);
    return await this.#resolved.get(key, load);
  }

  /** AWS refused the target's credentials: the next call reads them, or assumes the role, anew. */
  invalidate(target: DnsTarget): void {
    const { key } = this.#sourceOf(target);
    this.#resolved.delete(key);
    // A session has the rights of the role that was there when it began: of one that is deleted and made again, none.
    const session = this.#sessionOf.get(key);
    if (session !== undefined) this.#sessions.delete(session);
  }

  /**
   * A standalone request uses its own Secret only: with certman's credentials, its author could get names of other
   * users.
   */
  #sourceOf(target: DnsTarget): Source {
    const { kubernetes } = this.#options;
    const fedramp = this.#fedramp;
    const { kind, platform, namespace, clusterName } = target;
    if (target.isChallengeZone === true) {
      if (kind !== undefined) throw challengeZoneRefused(target);
      const secret = this.#challengeZoneSecret;
      if (secret === undefined) return { key: 'own', load: () => this.#loadOwn() };
      const key = { namespace: this.#options.operatorNamespace, name: secret };
      const load = async () => toResolved(await readAwsCredentials(kubernetes, key), ownRegion());
      return { key: 'challenge zone', load };
    }
    if (fedramp !== undefined) {
      if (kind !== undefined && !fedramp.standaloneRequests) throw ownCredentialsRefused(target);
      return { key: 'own', load: () => this.#loadOwn() };
    }
    if (platform.kind !== 'aws') throw platformUnsupported(target, ['aws']);
    const { sts, region, credentialsSecret: name } = platform;
    if (kind !== undefined && (sts || name === undefined)) throw secretRequired(target);
    if (sts) {
      const claim = { namespace, name: clusterName };
      const key = `sts ${namespace}/${clusterName}`;
      return { key, load: () => this.#assumeRoles(key, claim, region) };
    }
    if (name === undefined) return { key: `ambient ${namespace}`, load: () => this.#loadAmbient(target) };
    const at = route53Region(region);
    const load = async () => toResolved(await readAwsCredentials(kubernetes, { namespace, name }), at);
    return { key: `secret ${namespace}/${name} ${at}`, load };
  }

  async #loadAmbient(target: DnsTarget): Promise<ResolvedCredentials> {
    if (this.#ambient === 'all') return defaultChain();
    if (await allowsAmbientCredentials(this.#options.kubernetes, target.namespace)) return defaultChain();
    throw ambientCredentialsRefused(target);
  }

  #readOwn(): Promise<AwsCredentials> {
    const { kubernetes, operatorNamespace: namespace } = this.#options;
    return readAwsCredentials(kubernetes, { namespace, name: OPERATOR_AWS_SECRET });
  }

  async #loadOwn(): Promise<ResolvedCredentials> {
    try {
      return toResolved(await this.#readOwn(), ownRegion());
    } catch (error) {
      // Without the Secret, the worker has a role of its own.
      if (error instanceof CertmanError && error.code === 'dns/credentialsMissing') return defaultChain();
      throw error;
    }
  }

  /** The jump role first, one session for all; from it the customer's role, a session for each cluster. */
  async #assumeRoles(
    source: string,
    claim: { namespace: string; name: string },
    region: string,
  ): Promise<ResolvedCredentials> {
    const [operator, { jumpRoleArn, customerRoleArn, externalId }] = await Promise.all([
      this.#readOwn(),
      readStsRoles(this.#options.kubernetes, claim),
    ]);
    const jumpKey = digest(operator.accessKeyId, operator.secretAccessKey, jumpRoleArn);
    const assumeJump = () => assumeRole(operator, { arn: jumpRoleArn, region, sessionName: 'certman' });
    const jump = await this.#sessions.get(jumpKey, assumeJump, usableMs);
    const sessionName = sessionNameOf(claim);
    const assumeCustomer = () => assumeRole(jump, { arn: customerRoleArn, region, sessionName, externalId });
    const customerKey = digest(jumpKey, customerRoleArn, sessionName, externalId ?? '');
    this.#sessionOf.set(source, customerKey);
    try {
      const customer = await this.#sessions.get(customerKey, assumeCustomer, usableMs);
      const account = customerRoleArn.split(':')[4] ?? customerRoleArn;
      return { ...toResolved(customer, route53Region(region)), account };
    } catch (error) {
      // The session of the jump role may be the one that has lost its rights.
      if (isFailure(error, 'dns/accessDenied')) this.#sessions.delete(jumpKey);
      throw error;
    }
  }
}

function toResolved(credentials: SessionCredentials, region: string): ResolvedCredentials {
  const { accessKeyId, secretAccessKey, sessionToken = '' } = credentials;
  const id = digest(accessKeyId, secretAccessKey, sessionToken, region);
  return { id, account: digest(accessKeyId), region, credentials };
}

function defaultChain(): ResolvedCredentials {
  return { id: 'default', account: 'default', region: ownRegion() };
}

function digest(...parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
}

function ambientCredentialsRefused({ namespace, clusterName }: DnsTarget): CertmanError {
  return new CertmanError({
    code: 'dns/credentialsMissing',
    message: `ClusterDeployment ${namespace}/${clusterName} names no Secret with AWS credentials, and certman's own AWS credentials are not allowed for its namespace.`,
    remedy: `Name one in spec.platform.aws.credentialsSecretRef; or allow certman's own: kubectl label namespace ${namespace} ${AMBIENT_CREDENTIALS_LABEL}=true, for every namespace CERTMAN_AMBIENT_AWS_CREDENTIALS=all. To continue at once then: certman renew ${namespace}/${clusterName}.`,
  });
}

function ownCredentialsRefused({ namespace, clusterName }: DnsTarget): CertmanError {
  return new CertmanError({
    code: 'dns/credentialsMissing',
    message: `CertificateRequest ${namespace}/${clusterName} is standalone, and in FedRAMP mode there are only certman's own AWS credentials, which serve ClusterDeployments.`,
    remedy:
      "Let a ClusterDeployment request the certificate, or have certman's operator set CERTMAN_FEDRAMP_STANDALONE_REQUESTS.",
  });
}

function challengeZoneRefused({ namespace, clusterName, zoneName }: DnsTarget): CertmanError {
  return new CertmanError({
    code: 'dns/credentialsMissing',
    message: `CertificateRequest ${namespace}/${clusterName} is standalone, and the credentials of the challenge zone ${zoneName} serve ClusterDeployments only.`,
    neverSent: true,
  });
}

function secretRequired({ namespace, clusterName }: DnsTarget): CertmanError {
  return new CertmanError({
    code: 'dns/credentialsMissing',
    message: `CertificateRequest ${namespace}/${clusterName} is standalone, but its spec.platform.aws.credentials names no Secret, and certman's own AWS credentials serve ClusterDeployments only.`,
    remedy: `Name a Secret of namespace ${namespace} there that has aws_access_key_id and aws_secret_access_key; issuance then continues.`,
    neverSent: true,
  });
}
