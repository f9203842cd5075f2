/** Public DNS as several resolvers know it, cached: a fleet asks about its common names once a minute. */
import { LoadingCache } from '../cache/loading-cache.ts';
import { normalizeName } from '../certificates/dns-name.ts';
import type { DohExchange } from './doh-resolver.ts';
import { type Lookup, type LookupType, lookUp } from './record-lookup.ts';

const MAX_ENTRIES = 5_000;
/** So that a correction counts within a minute, where the TTL allows it. */
const MAX_TTL_MS = 60_000;
/** For an answer without a TTL, and for none. */
const DEFAULT_TTL_MS = 5_000;
/** A resolver that does not answer is not asked again for so long. */
const SKIP_MS = 15_000;

/** One resolver's view of the public DNS. */
export interface PublicView {
  readonly name: string;
  /** Never rejects. */
  lookUp(name: string, type: LookupType): Promise<Lookup>;
}

/** A resolver's view, cached by TTL, but for no longer than a minute. */
export function cachedView(resolver: DohExchange): PublicView {
  const lookups = new LoadingCache<Lookup>({ max: MAX_ENTRIES, ttlMs: DEFAULT_TTL_MS });
  let down: { readonly until: number; readonly why: string } | undefined;
  const watched: DohExchange = {
    name: resolver.name,
    send: async (query) => {
      if (down !== undefined && performance.now() < down.until) return { why: down.why };
      const answer = await resolver.send(query);
      down = 'why' in answer ? { until: performance.now() + SKIP_MS, why: answer.why } : undefined;
      return answer;
    },
  };
  return {
    name: resolver.name,
    lookUp: (name, type) => {
      const owner = normalizeName(name);
      return lookups.get(`${type} ${owner}`, () => lookUp(watched, owner, type), ttlMsOf);
    },
  };
}

function ttlMsOf(found: Lookup): number {
  const seconds = 'ttlSeconds' in found ? found.ttlSeconds : undefined;
  return seconds === undefined ? DEFAULT_TTL_MS : Math.min(seconds * 1_000, MAX_TTL_MS);
}
