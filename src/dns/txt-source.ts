import { LRUCache } from 'lru-cache';
import { maxEntries } from '../cache/max-entries.ts';
import type { CnameResponse, NameServersResponse, TxtResponse } from './dns-message.ts';

/** An authoritative server or a resolver. Bounded in time; never rejects: what prevents an answer is `inconclusive`. */
export interface TxtSource {
  readonly name: string;
  queryTxt(name: string): Promise<TxtResponse>;
}

/** A {@link TxtSource} that tells where aliases lead. */
export interface AliasSource extends TxtSource {
  queryCname(name: string): Promise<CnameResponse>;
}

/** A resolver. */
export interface Resolver extends AliasSource {
  queryNameServers(zoneName: string): Promise<NameServersResponse>;
}

/** How many aliases behind each other are followed: RFC 1034 §3.6.2 sets no bound. */
export const MAX_CNAME_HOPS = 8;

/** Queries again for the target for as long as the response is only an alias. */
export async function queryFollowingCnames(source: TxtSource, name: string): Promise<TxtResponse> {
  const seen = new Set([name]);
  let current = name;
  for (let hop = 0; hop < MAX_CNAME_HOPS; hop++) {
    const response = await source.queryTxt(current);
    if (response.kind !== 'alias') return response;
    if (seen.has(response.target)) return { kind: 'inconclusive', why: `the aliases of ${name} lead in a circle` };
    seen.add(response.target);
    current = response.target;
  }
  return { kind: 'inconclusive', why: `${name} has more than ${MAX_CNAME_HOPS} aliases behind each other` };
}

/** Shares responses among concurrent orders. @param shareMs so short that no query predates the publication. */
export function coalesceQueries(source: TxtSource, shareMs: number): TxtSource {
  const queries = new LRUCache<string, Promise<TxtResponse>>({
    ttl: shareMs,
    ttlAutopurge: true,
    memoMethod: (name) => source.queryTxt(name),
  });
  return { name: source.name, queryTxt: (name) => queries.memo(name) };
}

const MAX_REMEMBERED = 5_000;
/** A resolver that keeps a negative answer longer is asked again then: the attempt ends soon after. */
const MAX_REMEMBERED_MS = 15 * 60_000;

/** Asks a resolver again only when its negative answer has expired (RFC 2308 §5): until then it repeats it. */
export function rememberAbsence(source: TxtSource): TxtSource {
  const expiries = new LRUCache<string, number>(maxEntries(MAX_REMEMBERED));
  return {
    name: source.name,
    queryTxt: async (name) => {
      const leftMs = (expiries.get(name) ?? 0) - performance.now();
      if (leftMs > 0) return { kind: 'absent', ttlSeconds: leftMs / 1_000 };
      const response = await source.queryTxt(name);
      const ttlSeconds = response.kind === 'absent' ? (response.ttlSeconds ?? 0) : 0;
      if (ttlSeconds > 0) expiries.set(name, performance.now() + Math.min(ttlSeconds * 1_000, MAX_REMEMBERED_MS));
      else expiries.delete(name);
      return response;
    },
  };
}
