import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Dispatcher } from 'undici';
import { maxEntries } from '../../cache/max-entries.ts';
import { quoted, type TxtRecord } from '../../certificates/dns-name.ts';
import { CertmanError, isFailure } from '../../failures/failure.ts';
import { type AzureCredentials, readAzureCredentials } from '../../kubernetes/objects/azure-credentials.ts';
import { abortable } from '../../network/abortable.ts';
import {
  type DnsProvider,
  type DnsProviderOptions,
  type DnsTarget,
  type Publication,
  platformUnsupported,
  type ZoneDelegation,
  type ZoneRecords,
} from '../provider.ts';
import { RequestRateLimiter } from '../zone-changes/rate-limiter.ts';
import type { HiveDnsZone } from '../zones/hive-zone.ts';
import { SecretCredentials } from '../zones/secret-credentials.ts';
import { ZoneAccess } from '../zones/zone-access.ts';
import { ZoneLookup } from '../zones/zone-lookup.ts';
import { type AzureAccess, AzureDnsApi } from './api.ts';
import { cloudOf } from './clouds.ts';
import { azureConnections } from './http-client.ts';
import { RecordSets } from './record-sets.ts';

/** Azure's rules and restrictions for the names of resource groups; empty: none is named. */
const RESOURCE_GROUP = /^[\w().-]{0,90}$/;

/** Clients and rate limiters kept. */
const MAX_CACHED = 2_000;

/** Settings of Azure DNS alone. */
export interface AzureDnsSettings {
  /** Per service principal, subscription and worker. */
  readonly requestsPerSecond: number;
  readonly userAgent: string;
  /** To Azure; absent: the provider's own. */
  readonly connections?: Dispatcher;
}

/** {@link DnsProvider} on Azure DNS, whose changes are complete when they are answered: there is nothing to wait for. */
export class AzureDnsProvider implements DnsProvider {
  readonly #access: ZoneAccess<AzureCredentials, AzureDnsApi>;
  readonly #zones: ZoneLookup;
  readonly #recordSets = new RecordSets();

  constructor(options: DnsProviderOptions, settings: AzureDnsSettings) {
    const { requestsPerSecond, userAgent, connections = azureConnections() } = settings;
    this.#zones = new ZoneLookup(options, {
      words: { zone: 'DNS zone', account: 'the subscription, or of the resource group that the cluster names,' },
      hiveZone: { read: hiveZoneId, field: 'status.nameServers, or no spec.azure.resourceGroupName' },
    });
    const limiters = new LRUCache<string, RequestRateLimiter>({
      ...maxEntries(MAX_CACHED),
      memoMethod: () => new RequestRateLimiter(requestsPerSecond),
    });
    const apis = new LRUCache<string, AzureDnsApi, AzureAccess>({
      ...maxEntries(MAX_CACHED),
      memoMethod: (_id, _stale, { context }) => {
        const { clientId, subscriptionId } = context.credentials;
        const limiter = limiters.memo(`${clientId} ${subscriptionId}`);
        return new AzureDnsApi(context, limiter, options, { userAgent, connections });
      },
    });
    const credentials = new SecretCredentials(options.kubernetes, 'azure', readAzureCredentials);
    this.#access = new ZoneAccess(credentials, this.#zones, (resolved, target) => {
      const context = accessOf(resolved, target);
      return apis.memo(context.id, { context });
    });
  }

  async publish(target: DnsTarget, records: readonly TxtRecord[], signal: AbortSignal): Promise<Publication> {
    return await this.#access.inZone(target, signal, async (api, zone) => {
      const nameServers = await abortable(this.#zones.nameServers(api, zone), signal);
      await this.#recordSets.apply(api, zone.id, { action: 'publish', records }, signal);
      return { zoneId: zone.id, nameServers };
    });
  }

  async delegation(target: DnsTarget, signal: AbortSignal, anew = false): Promise<ZoneDelegation | undefined> {
    if (anew) await this.#access.withApi(target, signal, async (api) => this.#zones.invalidate(api, target));
    return await this.#access.inZone(target, signal, (api, zone) =>
      abortable(this.#zones.delegation(api, zone), signal),
    );
  }

  async withdraw(target: DnsTarget, records: readonly TxtRecord[], signal: AbortSignal): Promise<void> {
    await this.#access.inZone(target, signal, (api, zone) =>
      this.#recordSets.apply(api, zone.id, { action: 'withdraw', records }, signal),
    );
  }

  async listRecords(target: DnsTarget, signal: AbortSignal): Promise<ZoneRecords> {
    const [zone, subscription] = await this.#access.withApi(target, signal, async (api) => {
      const found = await abortable(this.#zones.find(api, target), signal);
      return [found, api.subscription] as const;
    });
    const inZone = <T>(work: (api: AzureDnsApi) => Promise<T>): Promise<T> =>
      this.#access.withApi(target, signal, (api) =>
        work(api).catch((error: unknown) => {
          if (isFailure(error, 'dns/zoneNotFound')) this.#zones.invalidate(api, target);
          throw error;
        }),
      );
    return {
      // Resource groups are unique in their subscription, whatever the case of their names.
      zoneId: `${subscription} ${zone.id}`.toLowerCase(),
      page: async (at) => {
        const { sets, next } = await inZone((api) => api.listTxtSets(zone.id, at));
        return { records: sets.flatMap(({ name, values }) => values.map((value) => ({ name, value }))), next };
      },
      withdraw: async (records) => {
        await inZone((api) => this.#recordSets.apply(api, zone.id, { action: 'withdraw', records }, signal));
      },
    };
  }

  awaitLive(): Promise<void> {
    return Promise.resolve();
  }
}

function accessOf(credentials: AzureCredentials, target: DnsTarget): AzureAccess {
  const { platform } = target;
  if (platform.kind !== 'azure') throw platformUnsupported(target, ['azure']);
  const { resourceGroupName: resourceGroup } = platform;
  if (!RESOURCE_GROUP.test(resourceGroup)) {
    throw new CertmanError({
      code: 'dns/zoneNotFound',
      message: `Cluster ${target.namespace}/${target.clusterName} names ${quoted(resourceGroup)}, which is no name of a resource group, for its DNS zone.`,
      remedy:
        'Correct baseDomainResourceGroupName of the ClusterDeployment, or resourceGroupName of the CertificateRequest.',
      neverSent: true,
    });
  }
  const cloud = cloudOf(platform, target);
  const { tenantId, clientId, clientSecret, subscriptionId } = credentials;
  const parts = [tenantId, clientId, clientSecret, subscriptionId, cloud.endpoint, resourceGroup];
  const id = createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
  return { credentials, cloud, resourceGroup, id };
}

/**
 * Azure names a zone by resource group and name; Hive writes its name servers when it has created it. A group with a slash
 * would be the id of another zone.
 */
function hiveZoneId({ spec, status }: HiveDnsZone): string | undefined {
  const group = spec.azure?.resourceGroupName;
  return group && RESOURCE_GROUP.test(group) && status?.nameServers !== undefined ? `${group}/${spec.zone}` : undefined;
}
