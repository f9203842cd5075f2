/** TXT records, as one activity seals them for another. */
import type { TxtRecord } from '../../certificates/dns-name.ts';

/** Where a TXT record is put that CNAMEs delegate (RFC 8555 §8.4). */
export interface TxtRecordPlace {
  /** The name that they lead to, normalized. */
  readonly name: string;
  /** The zone that it is in: the cluster's own, or the challenge zone. */
  readonly zoneName: string;
  /** Reached with the credentials of the challenge zone, not with the cluster's. */
  readonly challengeZone?: true;
}

/** A TXT record with the seal of `placeOrder`, or an ownership record of a standalone request, which needs none. */
export interface SealedTxtRecord extends TxtRecord {
  /** Absent: at its own name, in the zone of the cluster. The seal covers it. */
  readonly at?: TxtRecordPlace;
  readonly seal?: string;
  /** The value that stands beside it in DNS and shows that certman wrote it. Vouches for itself: the seal does not cover it. */
  readonly owner?: string;
  /** Stays in DNS after its order, for those to come (`dns-persist-01`). */
  readonly persistent?: true;
  /** An earlier order published it: it is published again only where DNS does not have it any more. */
  readonly published?: true;
  /** Of an ownership record, which gets its owner tag when it is published: until when an order can need it (RFC 3339). */
  readonly expires?: string;
}

/** Of `verifyPropagation`: a standalone request controls its names. */
export interface OwnershipProof {
  /** RFC 3339. */
  readonly verifiedAt: string;
  readonly seal: string;
}
