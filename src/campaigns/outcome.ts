/** What has become of a certificate of a campaign, and sums of that. */

/** Instants are RFC 3339, messages sentences. `replaced` and `skipped` are final. */
export type CampaignOutcome =
  | {
      readonly kind: 'replaced';
      /** Of the new certificate. */
      readonly serialNumber: string;
      readonly at: string;
      /** What the revocation of the old one came to; absent: none was asked for. */
      readonly revocation?: string;
    }
  /** Replaced as well; the old one is revoked at `until`, or that is looked at again then. */
  | {
      readonly kind: 'revoking';
      readonly serialNumber: string;
      readonly at: string;
      readonly until: string;
      /** Why it is not revoked yet, where it was due. */
      readonly message?: string;
    }
  /** The last attempt failed; the cluster's workflow tries again by itself. */
  | { readonly kind: 'failing'; readonly code: string; readonly message: string }
  /** For its turn at the CA. */
  | { readonly kind: 'waiting'; readonly until: string; readonly message: string }
  /** By a gate of the cluster, such as a pause. */
  | { readonly kind: 'blocked'; readonly message: string }
  | { readonly kind: 'skipped'; readonly message: string };

/** Certificates by what has become of them. */
export interface CampaignCounts {
  /** Not asked for yet. */
  readonly pending: number;
  /** Asked for, without an outcome yet. */
  readonly requested: number;
  readonly replaced: number;
  /** Replaced, and not revoked yet. */
  readonly revoking: number;
  readonly failing: number;
  readonly waiting: number;
  readonly blocked: number;
  readonly skipped: number;
}

/** Nothing of each. */
export const NO_COUNTS: CampaignCounts = {
  pending: 0,
  requested: 0,
  replaced: 0,
  revoking: 0,
  failing: 0,
  waiting: 0,
  blocked: 0,
  skipped: 0,
};

/** Whether nothing follows. */
export function isFinal(outcome: CampaignOutcome | undefined): boolean {
  return outcome?.kind === 'replaced' || outcome?.kind === 'skipped';
}

/** Whether its cluster answers by itself, and not before an instant. @param now epoch milliseconds. */
export function isExpectedLater(outcome: CampaignOutcome | undefined, now: number): boolean {
  return (outcome?.kind === 'revoking' || outcome?.kind === 'waiting') && Date.parse(outcome.until) > now;
}

/** @param outcomes undefined: none yet. @param begun whether those without were asked for. */
export function countOutcomes(outcomes: readonly (CampaignOutcome | undefined)[], begun: boolean): CampaignCounts {
  const counts: { -readonly [Kind in keyof CampaignCounts]: number } = { ...NO_COUNTS };
  for (const outcome of outcomes) counts[outcome?.kind ?? (begun ? 'requested' : 'pending')] += 1;
  return counts;
}

/** The sum of several. */
export function addCounts(all: readonly CampaignCounts[]): CampaignCounts {
  const sum: { -readonly [Kind in keyof CampaignCounts]: number } = { ...NO_COUNTS };
  for (const counts of all) for (const kind of KINDS) sum[kind] += counts[kind];
  return sum;
}

const KINDS = Object.keys(NO_COUNTS) as readonly (keyof CampaignCounts)[];

/** How many certificates there are. */
export function totalOf(counts: CampaignCounts): number {
  return KINDS.reduce((sum, kind) => sum + counts[kind], 0);
}

/** For people: `12 replaced, 3 failing`; kinds of which there are none are left out. */
export function countsText(counts: CampaignCounts): string {
  const parts = KINDS.filter((kind) => counts[kind] > 0).map((kind) => `${counts[kind]} ${kind}`);
  return parts.length === 0 ? 'none' : parts.join(', ');
}
