import { LoadingCache } from '../../cache/loading-cache.ts';
import { normalizeName } from '../../certificates/dns-name.ts';
import type { DnsProviderOptions, DnsTarget, ZoneDelegation } from '../provider.ts';
import { findHiveZone, type HiveZoneId, type KnownZone } from './hive-zone.ts';
import { type ListedZone, selectZone, type ZoneWords } from './select-zone.ts';

const CACHE_OPTIONS = { max: 2_000, ttlMs: 10 * 60_000 };

/** What a lookup asks a service for, with one set of credentials. */
export interface ZonesApi {
  readonly credentials: {
    /** Equal for equal credentials. */
    readonly id: string;
    /** Equal for credentials that list the same zones. */
    readonly account: string;
  };
  listZones(): Promise<readonly ListedZone[]>;
  describeZone(zoneId: string): Promise<ZoneDelegation>;
}

/** What is particular to a service. */
export interface ZoneLookupSettings {
  readonly words: ZoneWords;
  readonly hiveZone: HiveZoneId;
  /** The zone that the settings give, which is not looked up. */
  readonly givenZone?: (target: DnsTarget) => KnownZone | undefined;
}

interface ZoneListing {
  readonly zones: readonly ListedZone[];
  readonly listedAt: number;
}

/** Looks zones up by Hive's DNSZone, else among all of the account, and caches what it finds. */
export class ZoneLookup {
  readonly #options: DnsProviderOptions;
  readonly #settings: ZoneLookupSettings;
  readonly #zones = new LoadingCache<KnownZone>(CACHE_OPTIONS);
  readonly #listings = new LoadingCache<ZoneListing>(CACHE_OPTIONS);
  readonly #described = new LoadingCache<ZoneDelegation>(CACHE_OPTIONS);

  constructor(options: DnsProviderOptions, settings: ZoneLookupSettings) {
    this.#options = options;
    this.#settings = settings;
  }

  /** @throws CertmanError `dns/zoneNotFound`, `dns/zoneAmbiguous`, and what the service or Kubernetes answer. */
  async find(api: ZonesApi, target: DnsTarget): Promise<KnownZone> {
    const find = async (): Promise<KnownZone> => {
      const managed =
        target.isChallengeZone === true
          ? undefined
          : await findHiveZone(this.#options.kubernetes, target, this.#settings.hiveZone);
      return managed ?? (await this.#findListed(api, target.zoneName));
    };
    return this.#settings.givenZone?.(target) ?? (await this.#zones.get(keyOf(api, target), find));
  }

  /** The known zone does not exist: the next lookup reads everything anew. */
  invalidate(api: ZonesApi, target: DnsTarget): void {
    this.#zones.delete(keyOf(api, target));
    this.#listings.delete(api.credentials.account);
  }

  async nameServers(api: ZonesApi, zone: KnownZone): Promise<readonly string[]> {
    if (!this.#options.needsNameServers) return [];
    return zone.nameServers ?? (await this.#describe(api, zone)).nameServers;
  }

  /** Asks the service only for what {@link nameServers} asks for. @returns undefined where the zone's name is not known. */
  async delegation(api: ZonesApi, zone: KnownZone): Promise<ZoneDelegation | undefined> {
    const { name, nameServers } = zone;
    const isKnown = name !== undefined && nameServers !== undefined;
    if (!isKnown && this.#options.needsNameServers) return await this.#describe(api, zone);
    return name === undefined ? undefined : { name, nameServers: nameServers ?? [] };
  }

  #describe(api: ZonesApi, zone: KnownZone): Promise<ZoneDelegation> {
    return this.#described.get(`${api.credentials.account} ${zone.id}`, () => api.describeZone(zone.id));
  }

  async #findListed(api: ZonesApi, zoneName: string): Promise<KnownZone> {
    const from = performance.now();
    const { words } = this.#settings;
    const load = async (): Promise<ZoneListing> => ({ zones: await api.listZones(), listedAt: performance.now() });
    const list = (): Promise<ZoneListing> => this.#listings.get(api.credentials.account, load);
    const listing = await list();
    try {
      return selectZone(listing.zones, zoneName, words);
    } catch (error) {
      if (listing.listedAt >= from) throw error;
      // The cached list may be older than the zone, or than the deletion of its double.
      this.#listings.delete(api.credentials.account);
      return selectZone((await list()).zones, zoneName, words);
    }
  }
}

function keyOf(api: ZonesApi, { namespace, zoneName, isChallengeZone }: DnsTarget): string {
  // Of a cluster, a DNSZone of its namespace can be the zone.
  return `${api.credentials.id} ${isChallengeZone === true ? '' : namespace} ${normalizeName(zoneName)}`;
}
