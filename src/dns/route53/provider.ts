import { LRUCache } from 'lru-cache';
import type { TxtRecord } from '../../certificates/dns-name.ts';
import type { ZoneTarget } from '../../clusters/zone-target.ts';
import { CertmanError, withOutcomeUnknown } from '../../failures/failure.ts';
import { abortable } from '../abortable.ts';
import type { ChangeHandle, DnsProvider, DnsProviderOptions, Publication } from '../provider.ts';
import { type ResolvedCredentials, Route53Api } from './api.ts';
import type { TxtRequest } from './change-batch.ts';
import { ChangePoller } from './change-poller.ts';
import { CredentialSource, type FedrampSettings } from './credentials.ts';
import { type HostedZone, HostedZones } from './hosted-zones.ts';
import { Route53RateLimiter } from './rate-limiter.ts';
import type { BatchOutcome, ZoneApi } from './zone-batcher.ts';
import { ZoneBatchers } from './zone-batchers.ts';

/** Clients, batchers and rate limiters kept; of batchers more while all are busy. */
const MAX_CACHED = 2_000;
const PENDING_RETRY_MS = 5_000;

/** Settings of Route 53 alone. */
export interface Route53Settings {
  /** Per AWS account and worker. */
  readonly requestsPerSecond: number;
  readonly fedramp?: FedrampSettings;
}

/** {@link DnsProvider} on AWS Route 53; its change handles are ids of Route 53 changes. */
export class Route53Provider implements DnsProvider {
  readonly #credentials: CredentialSource;
  readonly #zones: HostedZones;
  readonly #changes: ChangePoller;
  readonly #rateLimiters: LRUCache<string, Route53RateLimiter>;
  readonly #apis: LRUCache<string, Route53Api, ResolvedCredentials>;
  readonly #batchers: ZoneBatchers;

  constructor(options: DnsProviderOptions, { requestsPerSecond, fedramp }: Route53Settings) {
    this.#credentials = new CredentialSource(options, fedramp);
    this.#zones = new HostedZones(options, fedramp?.hostedZoneId);
    this.#changes = new ChangePoller(options.pollIntervalMs);
    this.#rateLimiters = new LRUCache({
      max: MAX_CACHED,
      memoMethod: () => new Route53RateLimiter(requestsPerSecond),
    });
    this.#apis = new LRUCache({
      max: MAX_CACHED,
      memoMethod: (_id, _stale, { context }) =>
        new Route53Api(context, this.#rateLimiters.memo(context.account), options),
    });
    this.#batchers = new ZoneBatchers(MAX_CACHED, { windowMs: options.batchWindowMs });
  }

  async publish(target: ZoneTarget, records: readonly TxtRecord[], signal: AbortSignal): Promise<Publication> {
    return await this.#inZone(target, signal, async (api, zone) => {
      const lookup = this.#zones.nameServers(api, zone);
      lookup.catch(() => undefined); // awaited below, once the records are in the zone
      const { change } = await this.#submit(api, zone, { action: 'publish', records }, signal);
      if (change?.inSync === true) this.#changes.markInSync(change.id);
      try {
        return { zoneId: zone.id, nameServers: await abortable(lookup, signal), change: change?.id };
      } catch (error) {
        throw error instanceof CertmanError ? withOutcomeUnknown(error) : error;
      }
    });
  }

  async withdraw(target: ZoneTarget, records: readonly TxtRecord[], signal: AbortSignal): Promise<void> {
    await this.#inZone(target, signal, (api, zone) => this.#submit(api, zone, { action: 'withdraw', records }, signal));
  }

  async awaitLive(target: ZoneTarget, change: ChangeHandle, signal: AbortSignal): Promise<void> {
    const inSync = await this.#withApi(target, signal, (api) =>
      this.#changes.waitInSync(change, () => api.isInSync(change), signal),
    );
    if (inSync) return;
    throw new CertmanError({
      code: 'dns/pending',
      message: `Route 53 change ${change} of ${target.zoneName} is still PENDING: not all of its servers have it.`,
      remedy: 'It is polled again in some seconds; a minute is usual.',
      notBefore: new Date(Date.now() + PENDING_RETRY_MS),
    });
  }

  /** Runs `work` in the target's zone; once more with the zone looked up anew when the known one does not exist. */
  #inZone<T>(
    target: ZoneTarget,
    signal: AbortSignal,
    work: (api: Route53Api, zone: HostedZone) => Promise<T>,
  ): Promise<T> {
    return this.#withApi(target, signal, async (api) => {
      const zone = await abortable(this.#zones.find(api, target), signal);
      try {
        return await work(api, zone);
      } catch (error) {
        if (!(error instanceof CertmanError) || error.code !== 'dns/zoneNotFound') throw error;
        this.#zones.invalidate(api, target);
        const found = await abortable(this.#zones.find(api, target), signal);
        if (found.id === zone.id) throw error;
        return await work(api, found);
      }
    });
  }

  /** Runs `work` with the target's credentials; drops them from the cache when AWS refuses them. */
  async #withApi<T>(target: ZoneTarget, signal: AbortSignal, work: (api: Route53Api) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    try {
      const credentials = await abortable(this.#credentials.resolve(target), signal);
      return await work(this.#apis.memo(credentials.id, { context: credentials }));
    } catch (error) {
      if (error instanceof CertmanError && error.code === 'dns/accessDenied') this.#credentials.invalidate(target);
      throw error;
    }
  }

  #submit(api: Route53Api, zone: HostedZone, request: TxtRequest, signal: AbortSignal): Promise<BatchOutcome> {
    const zoneApi: ZoneApi = {
      readTxtSets: (names) => api.readTxtSets(zone.id, names),
      change: (changes) => api.change(zone.id, changes),
    };
    return this.#batchers.get(`${api.credentials.id} ${zone.id}`, zoneApi).submit(request, signal);
  }
}
