/**
 * The seam between certman and whoever serves a cluster's zone. Route 53 is the one implementation so far; Cloud DNS and
 * Azure DNS would be others, and `dns-persist-01` (one standing TXT value per name) is publish without withdraw.
 */

import type { TxtRecord } from '../certificates/dns-name.ts';
import type { ZoneTarget } from '../clusters/cluster-view.ts';

export interface PublishResult {
  readonly zoneId: string;
  /** Authoritative servers of the zone; empty when nobody asks them. */
  readonly nameServers: readonly string[];
  /** The change to wait for with {@link DnsProvider.awaitChange}; absent when all is known to be served already. */
  readonly changeId?: string;
}

/** Errors of all methods: `CertmanError` with a `dns/…` code, or `kubernetes/…` while looking up zone and credentials. */
export interface DnsProvider {
  /** Adds the values to whatever else the names hold. A request that is aborted before its change is sent leaves no trace. */
  publish(target: ZoneTarget, records: readonly TxtRecord[], signal: AbortSignal): Promise<PublishResult>;
  /** Takes exactly these values away. A missing value, name or zone is no error. */
  withdraw(target: ZoneTarget, records: readonly TxtRecord[], signal: AbortSignal): Promise<void>;
  /** Returns once the change is served by all of the provider's servers; `dns/pending` when that takes more than some seconds. */
  awaitChange(target: ZoneTarget, changeId: string, signal: AbortSignal): Promise<void>;
}
