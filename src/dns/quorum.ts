/** When enough of those asked have seen the records. Pure. */

/** What one server says about all records of an order together. */
export type TxtObservation =
  | { readonly by: string; readonly kind: 'seen' }
  /** `saw`: what there was instead; `retrySeconds`: for how long it may go on saying so from its cache. */
  | { readonly by: string; readonly kind: 'missing'; readonly saw: string; readonly retrySeconds?: number }
  /** It made no statement: unreachable, refusing, failing. That is no miss. */
  | { readonly by: string; readonly kind: 'silent'; readonly why: string };

/** `majority`: more than half of those that make a statement. A number: so many, whoever else is silent. */
export type Quorum = 'majority' | number;

export type QuorumResult =
  | { readonly kind: 'visible'; readonly seenBy: readonly string[] }
  /** `retrySeconds`: when enough of those that miss it have forgotten so, as far as they say. */
  | { readonly kind: 'notVisible'; readonly retrySeconds?: number }
  | { readonly kind: 'undecided' };

export function evaluateQuorum(sightings: readonly TxtObservation[], quorum: Quorum): QuorumResult {
  const seen = sightings.filter((sighting) => sighting.kind === 'seen');
  const missing = sightings.filter((sighting) => sighting.kind === 'missing');
  const speaking = seen.length + missing.length;
  const needed = quorum === 'majority' ? Math.floor(speaking / 2) + 1 : Math.min(quorum, sightings.length);
  if (speaking > 0 && seen.length >= needed) return { kind: 'visible', seenBy: seen.map((sighting) => sighting.by) };
  if (missing.length === 0 || speaking < needed) return { kind: 'undecided' };
  const delays = missing.map((sighting) => sighting.retrySeconds ?? 0).toSorted((a, b) => a - b);
  const retrySeconds = delays[needed - seen.length - 1];
  return { kind: 'notVisible', ...(retrySeconds === undefined || retrySeconds === 0 ? {} : { retrySeconds }) };
}
