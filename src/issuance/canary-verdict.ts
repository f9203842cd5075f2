/** Whether a certificate of a new issuer may be installed on a cluster. Pure: instants are epoch milliseconds. */
import { counted } from '../failures/counted.ts';
import type { CanaryPlace, IssuerRecord } from '../kubernetes/objects/issuer-records.ts';

/** Settings of the canary. */
export interface CanaryRule {
  /** Clusters that get the first certificates of a new issuer; 0: none does, and none waits. */
  readonly clusters: number;
  /** How long the others wait after the first of these has it. */
  readonly periodMs: number;
}

/** What was found out about the clusters of a canary; absent: by time alone. */
export interface CanaryEvidence {
  /** Every place is taken, and what each serves was seen to be accepted. */
  readonly served?: boolean;
  /** Why the certificate of a place was refused, in a sentence. */
  readonly rejected?: string;
}

/** What becomes of a certificate. */
export type CanaryVerdict =
  | { readonly kind: 'install' }
  /** As one of the canary. */
  | { readonly kind: 'takePlace' }
  /** With it, the canary has ended well. */
  | { readonly kind: 'accept'; readonly why: string }
  | { readonly kind: 'refuse'; readonly why: string }
  | { readonly kind: 'refused'; readonly why: string; readonly since: string }
  | { readonly kind: 'wait'; readonly until: number };

/** A place that was taken for so long without a certificate in its Secret is free for another cluster. */
export const MAX_UNUSED_PLACE_MS = 3_600_000;

/**
 * The verdict on a certificate for the cluster `uid`.
 * @param record undefined: the issuer is new.
 */
export function canaryVerdict(
  record: IssuerRecord | undefined,
  uid: string,
  { clusters, periodMs }: CanaryRule,
  { served, rejected }: CanaryEvidence,
  now: number,
): CanaryVerdict {
  if (record === undefined) return { kind: 'takePlace' };
  const { state, why = 'No reason was recorded.', decidedAt, since } = record;
  if (state === 'accepted') return { kind: 'install' };
  if (state === 'refused') return { kind: 'refused', why, since: decidedAt ?? since };
  if (rejected !== undefined) return { kind: 'refuse', why: rejected };
  if (record.places.some((place) => place.uid === uid)) return { kind: 'install' };
  const until = canaryEnd(record, periodMs);
  if (until !== undefined && now >= until) {
    return {
      kind: 'accept',
      why: `Installed on ${counted(installedCount(record), 'cluster')} for the period of the canary.`,
    };
  }
  const used = record.places.filter((place) => isUsed(place, now));
  if (used.length < clusters) return { kind: 'takePlace' };
  if (served === true && used.every(({ installedAt }) => installedAt !== undefined))
    return { kind: 'accept', why: `Clients accept it on ${counted(used.length, 'cluster')}.` };
  // Until the first one has it, the end is not known.
  return { kind: 'wait', until: until ?? now + MAX_UNUSED_PLACE_MS };
}

/** When others follow; undefined: no cluster has it yet. */
export function canaryEnd({ places }: IssuerRecord, periodMs: number): number | undefined {
  const installed = places.flatMap(({ installedAt }) => (installedAt === undefined ? [] : [Date.parse(installedAt)]));
  return installed.length === 0 ? undefined : Math.min(...installed) + periodMs;
}

/** Clusters of the canary that have the certificate. */
export function installedCount({ places }: IssuerRecord): number {
  return places.filter(({ installedAt }) => installedAt !== undefined).length;
}

/** Whether a place is that of a cluster that has the certificate, or is about to have it. */
function isUsed({ takenAt, installedAt }: CanaryPlace, now: number): boolean {
  return installedAt !== undefined || now - Date.parse(takenAt) < MAX_UNUSED_PLACE_MS;
}

/**
 * What is recorded of an issuer after a verdict; undefined: nothing changes.
 * @param place of the cluster that the verdict is for.
 */
export function recordAfter(
  verdict: CanaryVerdict,
  current: IssuerRecord | undefined,
  name: string,
  place: CanaryPlace,
  now: number,
): IssuerRecord | undefined {
  const instant = new Date(now).toISOString();
  const { since = instant, places = [] } = current ?? {};
  switch (verdict.kind) {
    case 'takePlace':
      return { name, since, state: 'canary', places: [...places.filter((one) => isUsed(one, now)), place] };
    case 'accept':
    case 'refuse': {
      const state = verdict.kind === 'accept' ? 'accepted' : 'refused';
      return { name, since, state, decidedAt: instant, why: verdict.why, places };
    }
    case 'install':
    case 'refused':
    case 'wait':
      return undefined;
  }
}
