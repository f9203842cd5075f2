import { LoadingCache } from '../cache/loading-cache.ts';
import { normalizeName, quoted } from '../certificates/dns-name.ts';
import type { ZoneTarget } from '../clusters/zone-target.ts';
import type { TxtRecordPlace } from '../contract/activities/txt-records.ts';
import { CertmanError } from '../failures/failure.ts';
import { TimeLimit } from '../network/time-limit.ts';
import type { Inconclusive, NameServersResponse } from './dns-message.ts';
import type { DnsSources } from './dns-sources.ts';
import type { DnsProvider, DnsTarget } from './provider.ts';

const NAME_SERVERS = { max: 5_000, ttlMs: 10 * 60_000 };
/** While no resolver answers, the steps of an order do not all wait for them. */
const NO_NAME_SERVERS_TTL_MS = 15_000;

/** Zones between a cluster's zone and the one that it is in: more labels than that are no base domain. */
const MAX_PARENTS = 4;

type Sources = Pick<DnsSources, 'resolvers' | 'needsNameServers' | 'serversOf'>;

const RETRY_MS = 10_000;
const NAME_SERVERS_TIMEOUT_MS = 20_000;

/**
 * Looks single CNAMEs up. The zone's own servers come first: they know best, and a resolver that is asked for a name that
 * does not exist yet keeps its absence, for a quarter of an hour with the usual SOA (RFC 2308 §5, RFC 8020), in which the
 * record that is then published there would not be visible. So a resolver is asked for a name only where a CNAME is
 * expected: with a challenge zone, and behind a first CNAME in zones of others.
 */
export class AliasLookup {
  readonly #sources: Sources;
  readonly #dns: Pick<DnsProvider, 'delegation'>;
  readonly #hasChallengeZone: boolean;
  /** By the zone's name. */
  readonly #nameServers = new LoadingCache<readonly string[]>(NAME_SERVERS);

  constructor(sources: Sources, dns: Pick<DnsProvider, 'delegation'>, hasChallengeZone: boolean) {
    this.#sources = sources;
    this.#dns = dns;
    this.#hasChallengeZone = hasChallengeZone;
  }

  /**
   * The target of a name's CNAME, normalized; undefined: it has none, or nothing that may be asked says so.
   * @param place the zone of the object, or of all challenges, that has the name; absent: neither.
   * @param isFirst whether it is the name that the CA asks for.
   * @throws CertmanError `dns/unreachable` when nothing answers.
   */
  async aliasOf(
    zone: ZoneTarget,
    name: string,
    place: TxtRecordPlace | undefined,
    isFirst: boolean,
  ): Promise<string | undefined> {
    const servers = place === undefined ? [] : this.#sources.serversOf(await this.#serversOf(zone, place));
    for (const server of servers) {
      const response = await server.queryCname(name);
      if (response.kind !== 'inconclusive') return response.kind === 'alias' ? response.target : undefined;
    }
    // A record is about to be put there, unless it is an alias.
    const mustNotBeAsked = isFirst ? !this.#isDelegable(zone) : place !== undefined;
    return mustNotBeAsked ? undefined : await this.#askResolvers(name);
  }

  async #askResolvers(name: string): Promise<string | undefined> {
    const reasons: string[] = [];
    for (const resolver of this.#sources.resolvers) {
      const response = await resolver.queryCname(name);
      if (response.kind !== 'inconclusive') return response.kind === 'alias' ? response.target : undefined;
      reasons.push(`${resolver.name}: ${response.why}`);
    }
    throw new CertmanError({
      code: 'dns/unreachable',
      message: `Nothing answers whether ${quoted(name, 253)} is delegated by CNAME: ${reasons.join('; ').slice(0, 500)}.`,
      remedy: 'It is retried; CERTMAN_DOH_RESOLVERS sets resolvers that can be reached from here.',
      notBefore: new Date(Date.now() + RETRY_MS),
    });
  }

  /** Empty where they are not needed or not known. */
  async #serversOf(zone: ZoneTarget, { zoneName, challengeZone }: TxtRecordPlace): Promise<readonly string[]> {
    if (!this.#sources.needsNameServers) return [];
    if (challengeZone === true) return await this.#serversByService({ ...zone, zoneName, isChallengeZone: true });
    // Where records are delegated, the credentials of the cluster need not reach its zone.
    if (!this.#isDelegable(zone)) return await this.#serversByService(zone);
    const name = normalizeName(zoneName);
    const ttlMs = ({ length }: readonly string[]): number => (length > 0 ? NAME_SERVERS.ttlMs : NO_NAME_SERVERS_TTL_MS);
    const delegated = await this.#nameServers.get(name, () => this.#delegatedServers(name), ttlMs);
    // An outage of the resolvers holds up no cluster whose credentials reach its zone.
    return delegated.length > 0 ? delegated : await this.#serversByService(zone);
  }

  /** Whether CNAMEs into the challenge zone are expected: not of a standalone request. */
  #isDelegable({ kind }: ZoneTarget): boolean {
    return this.#hasChallengeZone && kind === undefined;
  }

  async #serversByService(target: DnsTarget): Promise<readonly string[]> {
    try {
      const zone = await TimeLimit.run(NAME_SERVERS_TIMEOUT_MS, (signal) => this.#dns.delegation(target, signal));
      return zone?.nameServers ?? [];
    } catch (error) {
      // The publication meets the same fault, and reports it.
      if (error instanceof CertmanError) return [];
      throw error;
    }
  }

  /** By the resolvers: the name of a zone exists, so nothing is kept that is soon untrue. Empty where none answers. */
  async #delegatedServers(zoneName: string): Promise<readonly string[]> {
    let name = zoneName;
    for (let parents = 0; parents <= MAX_PARENTS; parents++) {
      const response = await this.#askNameServers(name);
      if (response?.kind !== 'below') return response?.hosts ?? [];
      name = response.zoneName;
    }
    return [];
  }

  async #askNameServers(zoneName: string): Promise<Exclude<NameServersResponse, Inconclusive> | undefined> {
    for (const resolver of this.#sources.resolvers) {
      const response = await resolver.queryNameServers(zoneName);
      if (response.kind !== 'inconclusive') return response;
    }
    return undefined;
  }
}
