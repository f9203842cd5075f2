/** {@link DnsProvider} on AWS Route 53. */
import { LRUCache } from 'lru-cache';
import { LoadingCache } from '../../cache/loading-cache.ts';
import { MAX_NAME_LENGTH, type TxtRecord } from '../../certificates/dns-name.ts';
import type { ZoneTarget } from '../../clusters/cluster-view.ts';
import { CertmanError, withOutcomeUnknown } from '../../failures/failure.ts';
import type { KubernetesApi } from '../../kubernetes/api/kubernetes-api.ts';
import { abortable } from '../abortable.ts';
import type { DnsProvider, PublishResult } from '../provider.ts';
import { normalizeName } from '../txt-record.ts';
import { type ListedZone, Route53Api, stripIdPrefix } from './api.ts';
import type { BatchOutcome } from './batch-outcomes.ts';
import type { TxtRequest } from './change-batch.ts';
import { ChangePoller } from './change-poller.ts';
import { CredentialSource, type ResolvedCredentials } from './credentials.ts';
import { findHiveZone, type HostedZone, selectZone } from './hosted-zone.ts';
import { Route53RateLimiter } from './rate-limiter.ts';
import { type ZoneApi, ZoneBatcher } from './zone-batcher.ts';

const ZONE_CACHE_TTL_MS = 10 * 60_000;
/** Clients, batchers and rate limiters kept, the least recently used evicted first. */
const CAPACITY = 2_000;
/** How long an activity stays to see a change INSYNC before it leaves the waiting to its own retry. */
const MAX_INSYNC_WAIT_MS = 5_000;
const PENDING_RETRY_MS = 5_000;

export interface Route53ProviderOptions {
  readonly kubernetes: KubernetesApi;
  /** Namespace of certman's own Secrets. */
  readonly operatorNamespace: string;
  /** FedRAMP mode: one zone and certman's own credentials for all clusters, and for requests that stand alone if they may. */
  readonly fedramp?: { readonly hostedZoneId: string; readonly standaloneRequests: boolean };
  /** Per AWS account and worker. */
  readonly requestsPerSecond: number;
  /** How long changes of a zone are collected into one request. */
  readonly batchWindowMs: number;
  /** Whether somebody will ask the zone's own servers, so that their names must be found out. */
  readonly needsNameServers: boolean;
  /** Between polls of a change that is PENDING. */
  readonly pollIntervalMs?: number;
  /** Told of each request to Route 53 by action, for metrics. */
  readonly onRequest?: (action: string) => void;
}

interface Access {
  readonly credentials: ResolvedCredentials;
  readonly api: Route53Api;
}

export class Route53Provider implements DnsProvider {
  readonly #options: Route53ProviderOptions;
  readonly #credentials: CredentialSource;
  readonly #watch: ChangePoller;
  readonly #zones = new LoadingCache<HostedZone>({ max: CAPACITY, ttlMs: ZONE_CACHE_TTL_MS });
  readonly #listings = new LoadingCache<ZoneListing>({ max: CAPACITY, ttlMs: ZONE_CACHE_TTL_MS });
  readonly #nameServers = new LoadingCache<readonly string[]>({ max: CAPACITY, ttlMs: ZONE_CACHE_TTL_MS });
  readonly #apis = new LRUCache<string, Route53Api, ResolvedCredentials>({
    max: CAPACITY,
    memoMethod: (_id, _stale, { context }) => this.#createApi(context),
  });
  readonly #rateLimiters = new LRUCache<string, Route53RateLimiter>({
    max: CAPACITY,
    memoMethod: () => new Route53RateLimiter(this.#options.requestsPerSecond),
  });
  readonly #batchers = new LRUCache<string, ZoneBatcher, ZoneApi>({
    max: CAPACITY,
    memoMethod: (_key, _stale, { context }) => new ZoneBatcher(context, { windowMs: this.#options.batchWindowMs }),
  });

  constructor(options: Route53ProviderOptions) {
    this.#options = options;
    this.#watch = new ChangePoller(options.pollIntervalMs);
    this.#credentials = new CredentialSource({
      kubernetes: options.kubernetes,
      operatorNamespace: options.operatorNamespace,
      ...(options.fedramp === undefined ? {} : { fedramp: options.fedramp }),
    });
  }

  async publish(target: ZoneTarget, records: readonly TxtRecord[], signal: AbortSignal): Promise<PublishResult> {
    const normalized = records.map(({ name, value }) => ({ name: normalizeName(name), value }));
    for (const { name } of normalized) checkName(name, target);
    const [zone, nameServers, outcome] = await this.#inZone(target, signal, async (access, found) => {
      const asked = this.#nameServersOf(access, found);
      asked.catch(() => undefined); // awaited below, once the records are safely in
      const sent = await this.#submit(access, found, { action: 'publish', records: normalized }, signal);
      try {
        return [found, await abortable(asked, signal), sent] as const;
      } catch (error) {
        throw error instanceof CertmanError ? withOutcomeUnknown(error) : error;
      }
    });
    if (outcome.change?.inSync === true) this.#watch.markInSync(outcome.change.id);
    return { zoneId: zone.id, nameServers, ...(outcome.change === undefined ? {} : { changeId: outcome.change.id }) };
  }

  async withdraw(target: ZoneTarget, records: readonly TxtRecord[], signal: AbortSignal): Promise<void> {
    const normalized = records
      .map(({ name, value }) => ({ name: normalizeName(name), value }))
      // What cannot be in the zone was never published there.
      .filter(({ name }) => nameProblem(name, target.zoneName) === undefined);
    if (normalized.length === 0) return;
    try {
      await this.#inZone(target, signal, (access, zone) =>
        this.#submit(access, zone, { action: 'withdraw', records: normalized }, signal),
      );
    } catch (error) {
      if (error instanceof CertmanError && error.code === 'dns/zoneNotFound') return;
      throw error;
    }
  }

  async awaitChange(target: ZoneTarget, changeId: string, signal: AbortSignal): Promise<void> {
    const settled = await this.#attempt(target, signal, ({ api }) =>
      this.#watch.waitInSync(changeId, (id) => api.isInSync(id), { patienceMs: MAX_INSYNC_WAIT_MS, signal }),
    );
    if (settled) return;
    throw new CertmanError({
      code: 'dns/pending',
      message: `Route 53 change ${changeId} of ${target.zoneName} is still PENDING: not all of its servers have it.`,
      remedy: 'It is looked at again in some seconds; a minute is usual.',
      notBefore: new Date(Date.now() + PENDING_RETRY_MS),
    });
  }

  /** Work in the target's zone; once more with the zone looked up anew when the one that was known is gone. */
  async #inZone<T>(
    target: ZoneTarget,
    signal: AbortSignal,
    work: (access: Access, zone: HostedZone) => Promise<T>,
  ): Promise<T> {
    return this.#attempt(target, signal, async (access) => {
      const key = `${access.credentials.id} ${target.namespace} ${normalizeName(target.zoneName)}`;
      const find = (): Promise<HostedZone> =>
        abortable(
          this.#zones.get(key, () => this.#findZone(access, target)),
          signal,
        );
      const zone = await find();
      try {
        return await work(access, zone);
      } catch (error) {
        if (!(error instanceof CertmanError) || error.code !== 'dns/zoneNotFound') throw error;
        this.#zones.delete(key);
        this.#listings.delete(access.credentials.id);
        const again = await find();
        if (again.id === zone.id) throw error;
        return work(access, again);
      }
    });
  }

  /** Work with the target's credentials, which are forgotten when AWS refuses them. */
  async #attempt<T>(target: ZoneTarget, signal: AbortSignal, work: (access: Access) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    try {
      const credentials = await abortable(this.#credentials.resolve(target), signal);
      return await work({ credentials, api: this.#apis.memo(credentials.id, { context: credentials }) });
    } catch (error) {
      if (error instanceof CertmanError && error.code === 'dns/accessDenied') this.#credentials.invalidate(target);
      throw error;
    }
  }

  async #findZone(access: Access, target: ZoneTarget): Promise<HostedZone> {
    if (this.#options.fedramp !== undefined) {
      return { id: stripIdPrefix(this.#options.fedramp.hostedZoneId), name: normalizeName(target.zoneName) };
    }
    const managed = await findHiveZone(this.#options.kubernetes, target);
    if (managed !== undefined) return managed;
    const asked = performance.now();
    const load = async (): Promise<ZoneListing> => ({ zones: await access.api.listZones(), at: performance.now() });
    const listing = await this.#listings.get(access.credentials.id, load);
    try {
      return selectZone(listing.zones, target.zoneName);
    } catch (error) {
      if (listing.at >= asked) throw error;
      // The list is older than the question: the zone may have been created, or its double deleted, since.
      this.#listings.delete(access.credentials.id);
      return selectZone((await this.#listings.get(access.credentials.id, load)).zones, target.zoneName);
    }
  }

  async #nameServersOf(access: Access, zone: HostedZone): Promise<readonly string[]> {
    if (!this.#options.needsNameServers) return [];
    if (zone.nameServers !== undefined) return zone.nameServers;
    return this.#nameServers.get(zone.id, () => access.api.nameServers(zone.id));
  }

  #submit(access: Access, zone: HostedZone, request: TxtRequest, signal: AbortSignal): Promise<BatchOutcome> {
    const { api, credentials } = access;
    const zoneApi: ZoneApi = {
      readTxtSets: (names) => api.readTxtSets(zone.id, names),
      change: (changes) => api.change(zone.id, changes),
    };
    const batcher = this.#batchers.memo(`${credentials.id} ${zone.id}`, { context: zoneApi });
    return batcher.submit(request, signal);
  }

  #createApi({ account, credentials }: ResolvedCredentials): Route53Api {
    const { onRequest } = this.#options;
    return new Route53Api({ rateLimiter: this.#rateLimiters.memo(account), credentials, onRequest });
  }
}

interface ZoneListing {
  readonly zones: readonly ListedZone[];
  readonly at: number;
}

/** @throws CertmanError `dns/nameOutsideZone` for a name that the zone cannot hold. */
function checkName(name: string, { zoneName, kind }: ZoneTarget): void {
  const problem = nameProblem(name, zoneName);
  if (problem === undefined) return;
  throw new CertmanError({
    code: 'dns/nameOutsideZone',
    message: `TXT record ${JSON.stringify(name.slice(0, MAX_NAME_LENGTH))} cannot be put into zone ${zoneName}: ${problem}.`,
    remedy:
      kind === undefined
        ? 'Correct the domains of the ClusterDeployment, or its base domain.'
        : 'Correct spec.dnsNames of the CertificateRequest, or name the zone that they are in in spec.acmeDNSDomain.',
  });
}

const LABEL = /^[a-z0-9_-]{1,63}$/;

function nameProblem(name: string, zoneName: string): string | undefined {
  const zone = normalizeName(zoneName);
  if (name !== zone && !name.endsWith(`.${zone}`)) return 'it is outside of it';
  if (name.length > MAX_NAME_LENGTH) return `it has ${name.length} characters, more than ${MAX_NAME_LENGTH}`;
  return name.split('.').every((label) => LABEL.test(label)) ? undefined : 'it is no valid name';
}
