import { z } from 'zod';
import { LoadingCache } from '../../cache/loading-cache.ts';
import { isInZone, normalizeName } from '../../certificates/dns-name.ts';
import { CertmanError } from '../../failures/failure.ts';
import type { KubernetesApi } from '../../kubernetes/api/kubernetes-api.ts';
import { DNS_ZONES } from '../../kubernetes/objects/resources.ts';
import type { DnsProviderOptions, DnsTarget, ZoneDelegation } from '../provider.ts';
import { type ListedZone, type Route53Api, stripIdPrefix } from './api.ts';

const CACHE_OPTIONS = { max: 2_000, ttlMs: 10 * 60_000 };

/** A zone by its id, without `/hostedzone/`. */
export interface HostedZone {
  readonly id: string;
  /** Its name, where the source knows it already. */
  readonly name?: string;
  /** Name servers, where the source knows them already. */
  readonly nameServers?: readonly string[];
}

interface ZoneListing {
  readonly zones: readonly ListedZone[];
  readonly listedAt: number;
}

/** Looks zones up by Hive's DNSZone, else among all of the AWS account, and caches what it finds. */
export class HostedZones {
  readonly #options: DnsProviderOptions;
  readonly #sharedZone: HostedZone | undefined;
  readonly #challengeZone: HostedZone | undefined;
  readonly #zones = new LoadingCache<HostedZone>(CACHE_OPTIONS);
  readonly #listings = new LoadingCache<ZoneListing>(CACHE_OPTIONS);
  readonly #described = new LoadingCache<ZoneDelegation>(CACHE_OPTIONS);

  /** @param sharedZoneId of the zone of all clusters (FedRAMP). @param challengeZoneId absent: found by its name. */
  constructor(options: DnsProviderOptions, sharedZoneId: string | undefined, challengeZoneId: string | undefined) {
    this.#options = options;
    this.#sharedZone = sharedZoneId === undefined ? undefined : { id: stripIdPrefix(sharedZoneId) };
    this.#challengeZone = challengeZoneId === undefined ? undefined : { id: stripIdPrefix(challengeZoneId) };
  }

  /** @throws CertmanError `dns/zoneNotFound`, `dns/zoneAmbiguous`, and what AWS or Kubernetes answer. */
  async find(api: Route53Api, target: DnsTarget): Promise<HostedZone> {
    if (target.isChallengeZone === true) {
      const findChallengeZone = (): Promise<HostedZone> => this.#findListed(api, target.zoneName);
      return this.#challengeZone ?? (await this.#zones.get(keyOf(api, target), findChallengeZone));
    }
    const find = async (): Promise<HostedZone> =>
      (await findHiveZone(this.#options.kubernetes, target)) ?? (await this.#findListed(api, target.zoneName));
    return this.#sharedZone ?? (await this.#zones.get(keyOf(api, target), find));
  }

  /** The known zone does not exist: the next lookup reads everything anew. */
  invalidate(api: Route53Api, target: DnsTarget): void {
    this.#zones.delete(keyOf(api, target));
    this.#listings.delete(api.credentials.account);
  }

  async nameServers(api: Route53Api, zone: HostedZone): Promise<readonly string[]> {
    if (!this.#options.needsNameServers) return [];
    return zone.nameServers ?? (await this.#describe(api, zone)).nameServers;
  }

  /** Asks AWS only for what {@link nameServers} asks for. @returns undefined where the zone's name is not known. */
  async delegation(api: Route53Api, zone: HostedZone): Promise<ZoneDelegation | undefined> {
    const { name, nameServers } = zone;
    const isKnown = name !== undefined && nameServers !== undefined;
    if (!isKnown && this.#options.needsNameServers) return await this.#describe(api, zone);
    return name === undefined ? undefined : { name, nameServers: nameServers ?? [] };
  }

  #describe(api: Route53Api, zone: HostedZone): Promise<ZoneDelegation> {
    return this.#described.get(zone.id, () => api.describeZone(zone.id));
  }

  async #findListed(api: Route53Api, zoneName: string): Promise<HostedZone> {
    const from = performance.now();
    const load = async (): Promise<ZoneListing> => ({ zones: await api.listZones(), listedAt: performance.now() });
    const list = (): Promise<ZoneListing> => this.#listings.get(api.credentials.account, load);
    const listing = await list();
    try {
      return selectZone(listing.zones, zoneName);
    } catch (error) {
      if (listing.listedAt >= from) throw error;
      // The cached list may be older than the zone, or than the deletion of its double.
      this.#listings.delete(api.credentials.account);
      return selectZone((await list()).zones, zoneName);
    }
  }
}

function keyOf(api: Route53Api, { namespace, zoneName, isChallengeZone }: DnsTarget): string {
  // Of a cluster, a DNSZone of its namespace can be the zone.
  return `${api.credentials.id} ${isChallengeZone === true ? '' : namespace} ${normalizeName(zoneName)}`;
}

/** Hive's DNSZone (hive.openshift.io/v1), as far as it is used. */
const nameSchema = z.string().max(255).transform(normalizeName);
const dnsZoneSchema = z.object({
  spec: z.object({ zone: nameSchema }),
  status: z
    .object({
      nameServers: z.array(nameSchema).min(1).max(32).optional().catch(undefined),
      aws: z.object({ zoneID: z.string().max(64).optional() }).optional(),
    })
    .optional(),
});

/** The zone of the cluster's DNSZone; none if `manageDNS: false`. @throws `dns/zoneNotFound` until Hive creates it. */
async function findHiveZone(kubernetes: KubernetesApi, target: DnsTarget): Promise<HostedZone | undefined> {
  const name = normalizeName(target.zoneName);
  try {
    for await (const object of kubernetes.list(DNS_ZONES, { namespace: target.namespace })) {
      const dnsZone = dnsZoneSchema.safeParse(object).data;
      if (dnsZone?.spec.zone !== name) continue;
      const { aws, nameServers } = dnsZone.status ?? {};
      if (aws?.zoneID) return { id: stripIdPrefix(aws.zoneID), name, nameServers };
      throw new CertmanError({
        code: 'dns/zoneNotFound',
        message: `Hive has not created the hosted zone of ${name} yet: DNSZone ${target.namespace}/${object.metadata.name} has no status.aws.zoneID.`,
        remedy: 'certman retries; issuance continues when Hive has created the zone.',
      });
    }
  } catch (error) {
    // Hive without managed DNS need not have this kind of resource.
    if (!(error instanceof CertmanError) || error.code !== 'kubernetes/notFound') throw error;
  }
  return undefined;
}

/**
 * The public zone with the longest name that is the wanted one or a parent of it. Pure.
 * @throws CertmanError `dns/zoneNotFound`; `dns/zoneAmbiguous` for two of that name: only one can be the delegated one.
 */
export function selectZone(zones: readonly ListedZone[], zoneName: string): Pick<ListedZone, 'id' | 'name'> {
  const candidates = zones.filter((zone) => isInZone(zoneName, zone.name));
  const publicZones = candidates.filter((zone) => !zone.private);
  const longest = Math.max(0, ...publicZones.map((zone) => zone.name.length));
  const [only, ...others] = publicZones.filter((zone) => zone.name.length === longest);
  if (only === undefined) {
    const hidden =
      candidates.length === 0 ? '' : `; ${candidates.map((zone) => zone.id).join(', ')} would match, but is private`;
    throw new CertmanError({
      code: 'dns/zoneNotFound',
      message: `None of the ${zones.length} hosted zones of the AWS account is ${normalizeName(zoneName)} or a parent of it${hidden}.`,
      remedy: 'Create the public hosted zone, or correct the base domain or the credentials of the ClusterDeployment.',
    });
  }
  if (others.length > 0) {
    const ids = [only, ...others].map((zone) => zone.id).toSorted();
    throw new CertmanError({
      code: 'dns/zoneAmbiguous',
      message: `The AWS account has ${ids.length} public hosted zones of the name ${only.name}: ${ids.join(' and ')}.`,
      remedy: 'Delete all but the one that the domain is delegated to, or let Hive manage the zone.',
    });
  }
  return { id: only.id, name: only.name };
}
