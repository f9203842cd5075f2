import type { TxtObservation } from './observation.ts';

/** `majority`: more than half of the conclusive answers. A number: that many, also when others are inconclusive. */
export type Quorum = 'majority' | number;

/** What the observations of all resolvers amount to. */
export type QuorumResult =
  | { readonly kind: 'visible'; readonly seenBy: readonly string[] }
  /** `retrySeconds`: when the caches of enough resolvers have expired, where they say so. */
  | { readonly kind: 'notVisible'; readonly retrySeconds?: number }
  | { readonly kind: 'undecided' };

/** Counts the observations of resolvers against a quorum. */
export function evaluateQuorum(observations: readonly TxtObservation[], quorum: Quorum): QuorumResult {
  const seen = observations.filter(({ kind }) => kind === 'seen');
  const missing = observations.filter((observation) => observation.kind === 'missing');
  const answered = seen.length + missing.length;
  const needed = quorum === 'majority' ? Math.floor(answered / 2) + 1 : Math.min(quorum, observations.length);
  if (answered > 0 && seen.length >= needed) return { kind: 'visible', seenBy: seen.map(({ by }) => by) };
  if (missing.length === 0 || answered < needed) return { kind: 'undecided' };
  const delays = missing.map(({ retrySeconds = 0 }) => retrySeconds).toSorted((a, b) => a - b);
  return { kind: 'notVisible', retrySeconds: delays[needed - seen.length - 1] || undefined };
}
