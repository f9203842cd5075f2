/** The seam between certman and DNS services: each is a folder with a {@link DnsProvider} and a line in registry.ts. */
import type { TxtRecord } from '../certificates/dns-name.ts';
import type { ZoneTarget } from '../clusters/zone-target.ts';
import type { PublishedZone } from '../contract/activities/dns.ts';
import { CertmanError, type FailureCode } from '../failures/failure.ts';
import type { KubernetesApi } from '../kubernetes/api/kubernetes-api.ts';

/** A change, in a form that only its provider reads. At most 512 characters: heartbeats carry it. */
export type ChangeHandle = string;

/** A zone that records are put into: that of a cluster, or the challenge zone, for a cluster's records. */
export interface DnsTarget extends ZoneTarget {
  /** Reached with credentials of its own: the settings name them. `platform` is then without meaning. */
  readonly isChallengeZone?: true;
}

/** What a publication has changed, and where; without name servers where they are not needed. */
export interface Publication extends PublishedZone {
  /** For {@link DnsProvider.awaitLive}; absent when every value is known to be live. */
  readonly change?: ChangeHandle;
}

/** A zone, and the servers that it is on. */
export interface ZoneDelegation {
  readonly name: string;
  /** Empty where they are not known without a request that nothing else needs. */
  readonly nameServers: readonly string[];
}

/** Some of a zone's TXT records: all values of each of their names. */
export interface RecordsPage {
  readonly records: readonly TxtRecord[];
  /** Of the next page; absent: this is the last one. */
  readonly next?: string;
}

/** The TXT records of a zone. */
export interface ZoneRecords {
  /** Equal for all targets whose records are in the same zone. */
  readonly zoneId: string;
  /** A request that precedes no other. @param at `next` of the page before; undefined: the first page. */
  page(at: string | undefined): Promise<RecordsPage>;
  /** Removes exactly these values of the zone, if present. */
  withdraw(records: readonly TxtRecord[]): Promise<void>;
}

/**
 * Publishes TXT records, of normalized names in the target's zone, to one DNS service. A target of kind
 * CertificateRequest may be reached only with the Secret that it names: its author could choose any other's names.
 * @throws CertmanError `dns/…`, or `kubernetes/…` from looking up zone and credentials; `outcomeUnknown` when records
 *   may be in the zone all the same.
 */
export interface DnsProvider {
  /**
   * Adds the values to those that exist. A call that is aborted before its change is sent leaves nothing behind.
   * @param waitingSince when the order began to wait for its publication, in epoch milliseconds: who waits longest is
   *   served first.
   * @throws `dns/queued` with `notBefore`: others are served first, and nothing was sent.
   */
  publish(
    target: DnsTarget,
    records: readonly TxtRecord[],
    signal: AbortSignal,
    waitingSince: number,
  ): Promise<Publication>;
  /**
   * The target's zone, by what a publication looks up too and keeps.
   * @param anew also what is kept is looked up.
   * @returns undefined where its name is not known.
   */
  delegation(target: DnsTarget, signal: AbortSignal, anew?: boolean): Promise<ZoneDelegation | undefined>;
  /** Removes exactly these values, if present. @throws `dns/zoneNotFound`, which counts as removed. */
  withdraw(target: DnsTarget, records: readonly TxtRecord[], signal: AbortSignal): Promise<void>;
  /**
   * The records of the target's zone, all of it: those of other clusters, too. Without those that a withdrawal cannot name,
   * such as ones with a routing policy. What it returns throws as well. Absent: not offered by this service. @returns
   * undefined: nor by the target's.
   */
  listRecords?(target: DnsTarget, signal: AbortSignal): Promise<ZoneRecords | undefined>;
  /** Returns once all of the zone's servers have the change. @throws `dns/pending` with `notBefore`, the next poll. */
  awaitLive(target: DnsTarget, change: ChangeHandle, signal: AbortSignal): Promise<void>;
}

/** What every provider is created with. */
export interface DnsProviderOptions {
  readonly kubernetes: KubernetesApi;
  readonly operatorNamespace: string;
  readonly batchWindowMs: number;
  /** Whether the zone's own servers are queried, so that their names must be looked up. */
  readonly needsNameServers: boolean;
  /** What a change usually takes until it is live, before any was seen; absent: what is known of the service. */
  readonly expectedLiveMs?: number;
  readonly onRequest?: (service: string, action: string) => void;
  /** A request that the service refused, or did not answer. */
  readonly onFailure?: (service: string, action: string, code: FailureCode) => void;
}

/** The failure of a target whose platform is none of the served ones. */
export function platformUnsupported(
  { namespace, clusterName, platform }: ZoneTarget,
  served: readonly string[],
): CertmanError {
  return new CertmanError({
    code: 'dns/platformUnsupported',
    message: `Cluster ${namespace}/${clusterName} is on ${platform.kind === 'unsupported' ? platform.found : platform.kind}, whose DNS certman cannot write yet.`,
    remedy: `Only clusters with ${served.map((kind) => `spec.platform.${kind}`).join(' or ')} are served.`,
    neverSent: true,
  });
}
