/** The activities at the DNS service of a zone, and in the public DNS. */
import type { ClusterIdentity } from '../../clusters/cluster-identity.ts';
import type { ZoneTarget } from '../../clusters/zone-target.ts';
import type { OwnershipProof, SealedTxtRecord } from './txt-records.ts';

/** Input of `publishTxtRecords` and `withdrawTxtRecords`. */
export interface TxtRecordsInput {
  readonly cluster: ClusterIdentity;
  readonly zone: ZoneTarget;
  readonly records: readonly SealedTxtRecord[];
}

/** Input of `publishTxtRecords`. */
export interface PublishTxtRecordsInput extends TxtRecordsInput {
  /** RFC 3339: when the order began to wait for its publication; absent: with this activity. */
  readonly waitingSince?: string;
}

/** A zone that records were published in, as `verifyPropagation` needs it. */
export interface PublishedZone {
  /** Empty: no record was for this zone. */
  readonly zoneId: string;
  /** Authoritative servers of the zone (host names), from its delegation set. */
  readonly nameServers: readonly string[];
  /** For `verifyPropagation`. */
  readonly seal?: string;
}

/** Result of `publishTxtRecords`: the zone of the cluster, and the challenge zone where records are delegated to it. */
export interface PublishedRecords extends PublishedZone {
  readonly challengeZone?: PublishedZone;
}

/** The DNS service of a zone. */
export interface DnsActivities {
  /**
   * Adds all values in one change, beside others; returns once live. `outcomeUnknown`: they may be published.
   * @throws `dns/queued` when it is the turn of others for minutes: again at `notBefore`, with `waitingSince`.
   */
  publishTxtRecords(input: PublishTxtRecordsInput): Promise<PublishedRecords>;
  /** Removes exactly these values. A missing record, name or zone counts as done. */
  withdrawTxtRecords(input: TxtRecordsInput): Promise<void>;
}

/** Input of `verifyPropagation`. */
export interface VerifyPropagationInput extends Pick<PublishedZone, 'nameServers' | 'seal'> {
  /** Servers of the challenge zone; absent: only resolvers show what is there. */
  readonly challengeZone?: Pick<PublishedZone, 'nameServers' | 'seal'>;
  readonly cluster: ClusterIdentity;
  readonly zoneName: string;
  readonly records: readonly SealedTxtRecord[];
  /** Names of a standalone request, whose ownership records are among `records`. */
  readonly ownershipOf?: readonly string[];
}

/** Result of `verifyPropagation`. */
export interface VerifiedPropagation {
  readonly seenBy: readonly string[];
  /** With `ownershipOf`, for `placeOrder` and `finalizeOrder`. */
  readonly ownershipProof?: OwnershipProof;
}

/** The public DNS. */
export interface PropagationActivities {
  /** Returns once authoritative servers and a quorum of DoH resolvers return every value. @throws `dns/notVisible` */
  verifyPropagation(input: VerifyPropagationInput): Promise<VerifiedPropagation>;
}
