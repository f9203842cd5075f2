/** Where the TXT record of a name is put: CNAMEs may delegate it to another name (RFC 8555 §8.4, RFC 1034 §3.6.2). */
import { LoadingCache } from '../cache/loading-cache.ts';
import { canonicalJson } from '../certificates/digest.ts';
import { isInZone, normalizeName, quoted } from '../certificates/dns-name.ts';
import type { ZoneTarget } from '../clusters/zone-target.ts';
import type { SealedTxtRecord, TxtRecordPlace } from '../contract/activities/txt-records.ts';
import { abortable } from '../network/abortable.ts';
import type { AliasLookup } from './alias-lookup.ts';
import {
  brokenDelegation,
  challengeZoneGone,
  challengeZoneNotAllowed,
  changedDelegation,
  creationOf,
  delegatedElsewhere,
  missingDelegation,
} from './delegation-failures.ts';
import type { RecordZone } from './record-zone.ts';
import { MAX_CNAME_HOPS } from './txt-source.ts';
import { isWritableName } from './writable-name.ts';

/** The steps of an order, which takes seconds, share what was found. */
const CACHE_OPTIONS = { max: 5_000, ttlMs: 30_000 };
/** A CNAME that was missing counts as soon as it is there. */
const NOT_FOUND_TTL_MS = 1_000;

/** What DNS says of a record: the place that CNAMEs lead to, or none, where there is no CNAME. */
interface Found {
  readonly at?: TxtRecordPlace;
}

/** A record by its name, and where it is put. */
type PlacedRecord = Pick<SealedTxtRecord, 'name' | 'at'>;

/** Finds where records are delegated to, and refuses what certman cannot write. */
export class ChallengeDelegation {
  readonly #aliases: Pick<AliasLookup, 'aliasOf'>;
  /** Normalized. */
  readonly #challengeZone: string | undefined;
  readonly #isAllowed: (namespace: string) => Promise<boolean>;
  readonly #found = new LoadingCache<Found>(CACHE_OPTIONS);

  /**
   * @param challengeZone the zone that records of ClusterDeployments may be delegated to; absent: none.
   * @param isAllowed whether those of a namespace may; absent: all. Threat: a CNAME does not say whose cluster it is for, so
   *   who can create a ClusterDeployment could have every name that is delegated.
   */
  constructor(
    aliases: Pick<AliasLookup, 'aliasOf'>,
    challengeZone: string | undefined,
    isAllowed: (namespace: string) => Promise<boolean> = () => Promise.resolve(true),
  ) {
    this.#aliases = aliases;
    this.#isAllowed = isAllowed;
    this.#challengeZone = challengeZone === undefined ? undefined : normalizeName(challengeZone);
  }

  /**
   * Where the TXT records of `names` are to be put, in the order of the names; undefined: at the name itself.
   * @param zone of the object whose names they are.
   * @throws CertmanError `dns/delegationElsewhere`, `dns/delegationBroken`; `dns/delegationMissing` for a name that is in
   *   no zone of the object; `dns/credentialsMissing` where its namespace may not use the challenge zone;
   *   `dns/unreachable` where nothing answers; `kubernetes/…`.
   */
  async placesOf(
    zone: ZoneTarget,
    names: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly (TxtRecordPlace | undefined)[]> {
    const found = await Promise.all(names.map((name) => abortable(this.#find(zone, normalizeName(name)), signal)));
    return found.map(({ at }) => at);
  }

  /** Requires that CNAMEs still lead to where the records are to be put. @throws CertmanError `dns/delegationChanged`. */
  async requireUnchanged(zone: ZoneTarget, records: readonly SealedTxtRecord[], signal: AbortSignal): Promise<void> {
    const delegated = records.filter(({ at }) => at !== undefined);
    const names = delegated.map(({ name }) => name);
    const places = await this.placesOf(zone, names, signal);
    const changed = delegated.findIndex(({ at }, index) => canonicalJson(at) !== canonicalJson(places[index]));
    const record = delegated[changed];
    if (record !== undefined) throw changedDelegation(record, places[changed]);
  }

  /** The zones that the TXT records of `names` are to be put into: at most two. @throws as {@link placesOf}. */
  async zonesOf(zone: ZoneTarget, names: readonly string[], signal: AbortSignal): Promise<readonly RecordZone[]> {
    const places = await this.placesOf(zone, names, signal);
    return this.groupByZone(
      zone,
      names.map((name, index) => ({ name, at: places[index] })),
    );
  }

  /** Records with the zones that they are put into, the cluster's own first. */
  groupByZone<Placed extends PlacedRecord>(
    zone: ZoneTarget,
    records: readonly Placed[],
  ): readonly (RecordZone & { readonly records: readonly Placed[] })[] {
    const own = records.filter(({ at }) => at?.challengeZone !== true);
    const delegated = Map.groupBy(
      records.filter(({ at }) => at?.challengeZone === true),
      ({ at }) => at?.zoneName ?? '',
    );
    const zones = [...delegated].map(([zoneName, some]) => ({ ...this.#delegatedZone(zone, zoneName), records: some }));
    return own.length === 0 ? zones : [{ ...this.#ownZone(zone, own), records: own }, ...zones];
  }

  #ownZone(zone: ZoneTarget, records: readonly PlacedRecord[]): RecordZone {
    const target = targetOf(zone);
    const plain = records.filter(({ at }) => at === undefined).map(({ name }) => name);
    if (this.#challengeZone === undefined || zone.kind !== undefined || plain.length === 0) return { target };
    return { target, hint: creationOf(plain, this.#challengeZone) };
  }

  #delegatedZone(zone: ZoneTarget, zoneName: string): RecordZone {
    const target = { ...targetOf(zone), zoneName, isChallengeZone: true } as const;
    if (zoneName === this.#challengeZone) return { target };
    return { target, problem: challengeZoneGone(zoneName, this.#challengeZone) };
  }

  #find(zone: ZoneTarget, name: string): Promise<Found> {
    const { namespace, clusterName, zoneName, kind } = zone;
    const key = canonicalJson([namespace, clusterName, zoneName, kind, name]);
    const ttlMs = ({ at }: Found): number => (at === undefined ? NOT_FOUND_TTL_MS : CACHE_OPTIONS.ttlMs);
    return this.#found.get(key, () => this.#lookUp(zone, name), ttlMs);
  }

  async #lookUp(zone: ZoneTarget, name: string): Promise<Found> {
    const chain = await this.#follow(zone, name);
    const end = chain.at(-1);
    const challengeZone = this.#challengeZone;
    if (end === undefined) {
      if (challengeZone === undefined || zone.kind !== undefined || isInZone(name, zone.zoneName)) return {};
      throw missingDelegation(name, challengeZone, `and it is not in the zone ${zone.zoneName} of its cluster`);
    }
    const place = this.#placeOf(zone, end);
    if (place === undefined) throw delegatedElsewhere(zone, name, chain, challengeZone);
    if (!isWritableName(end)) throw brokenDelegation(name, `leads to ${quoted(end, 253)}, which is no valid name`);
    if (place.challengeZone !== true) return { at: place };
    if (zone.kind !== undefined) throw delegatedElsewhere(zone, name, chain, undefined);
    if (end === challengeZone) {
      throw brokenDelegation(name, `leads to the zone ${end} itself, where records of others may be`);
    }
    if (!(await this.#isAllowed(zone.namespace))) throw challengeZoneNotAllowed(zone, name, place.zoneName);
    return { at: place };
  }

  /** @returns the names behind `name`, in order; none: it is no alias. */
  async #follow(zone: ZoneTarget, name: string): Promise<readonly string[]> {
    const chain: string[] = [];
    for (let current = name; chain.length <= MAX_CNAME_HOPS; ) {
      const target = await this.#aliases.aliasOf(zone, current, this.#placeOf(zone, current), chain.length === 0);
      if (target === undefined) return chain;
      if (target === name || chain.includes(target)) {
        throw brokenDelegation(name, `leads in a circle (${describeChain([...chain, target])})`);
      }
      chain.push(target);
      current = target;
    }
    throw brokenDelegation(name, `leads through more than ${MAX_CNAME_HOPS} CNAMEs (${describeChain(chain)})`);
  }

  /** The zone with the longest name that contains the name. */
  #placeOf({ zoneName }: ZoneTarget, name: string): TxtRecordPlace | undefined {
    const own = isInZone(name, zoneName) ? normalizeName(zoneName) : undefined;
    const challengeZone = this.#challengeZone;
    const isChallenge = challengeZone !== undefined && isInZone(name, challengeZone);
    if (isChallenge && challengeZone.length >= (own?.length ?? 0)) {
      return { name, zoneName: challengeZone, challengeZone: true };
    }
    return own === undefined ? undefined : { name, zoneName: own };
  }
}

/** The zone comes through Temporal: nothing else of it is taken over. */
function targetOf({ namespace, clusterName, zoneName, platform, kind }: ZoneTarget): ZoneTarget {
  return { namespace, clusterName, zoneName, platform, kind };
}

function describeChain(chain: readonly string[]): string {
  return chain
    .map((name) => quoted(name, 100))
    .join(', ')
    .slice(0, 500);
}
