import { SharedValues } from '../cache/shared-values.ts';
import type { CachedCertificate, CachedCluster } from '../clusters/cached-cluster.ts';

/** What many clusters have in common: in memory once for all of them. In some fleets each has credentials of another name. */
type CommonFields = Pick<
  CachedCluster,
  'kind' | 'gate' | 'reason' | 'finalizer' | 'limitedSupport' | 'served' | 'endpoints'
>;

const commonFields = new SharedValues<CommonFields>({ maxKeyLength: 512 });

/** A cached cluster in less memory. Not to be spread: most of its fields are getters. */
export class CompactCluster implements CachedCluster {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly digest: string | undefined;
  readonly credentialsSecret: string | undefined;
  readonly #common: CommonFields;
  /** Bundle, CertificateRequest and Secret of each certificate. */
  readonly #certificateNames: readonly string[];

  /** @param change what is different. */
  constructor(cluster: CachedCluster, change: Partial<Pick<CachedCluster, 'served'>> = {}) {
    this.namespace = cluster.namespace;
    this.name = cluster.name;
    this.uid = cluster.uid;
    this.digest = cluster.digest;
    this.credentialsSecret = cluster.credentialsSecret;
    this.#common = toCommonFields(cluster, change);
    this.#certificateNames = cluster.certificates
      .flatMap(({ bundleName, requestName, secretName }) => [bundleName, requestName, secretName])
      // A list that grew has room for more.
      .slice();
  }

  get certificates(): readonly CachedCertificate[] {
    const names = this.#certificateNames;
    const certificates: CachedCertificate[] = [];
    for (let at = 0; at < names.length; at += 3) {
      const [bundleName = '', requestName = '', secretName = ''] = [names[at], names[at + 1], names[at + 2]];
      certificates.push({ bundleName, requestName, secretName });
    }
    return certificates;
  }

  /** As of {@link certificates}, without a list that is made anew. */
  hasSecret(secretName: string): boolean {
    const names = this.#certificateNames;
    for (let at = 2; at < names.length; at += 3) if (names[at] === secretName) return true;
    return false;
  }

  get kind(): CachedCluster['kind'] {
    return this.#common.kind;
  }

  get gate(): CachedCluster['gate'] {
    return this.#common.gate;
  }

  get reason(): CachedCluster['reason'] {
    return this.#common.reason;
  }

  get finalizer(): boolean {
    return this.#common.finalizer;
  }

  get limitedSupport(): boolean {
    return this.#common.limitedSupport;
  }

  get served(): boolean {
    return this.#common.served;
  }

  get endpoints(): CachedCluster['endpoints'] {
    return this.#common.endpoints;
  }
}

/** Whether a certificate of the cluster is in this Secret: asked of each cluster of a namespace, which can be thousands. */
export function hasSecret(cluster: CachedCluster, secretName: string): boolean {
  if (cluster instanceof CompactCluster) return cluster.hasSecret(secretName);
  return cluster.certificates.some((certificate) => certificate.secretName === secretName);
}

function toCommonFields(cluster: CachedCluster, change: Partial<CommonFields>): CommonFields {
  const { kind, gate, reason, finalizer, limitedSupport, served, endpoints } = cluster;
  const common = { kind, gate, reason, finalizer, limitedSupport, served, endpoints, ...change };
  return commonFields.getByFields(common);
}
