import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Dispatcher } from 'undici';
import { maxEntries } from '../../cache/max-entries.ts';
import type { TxtRecord } from '../../certificates/dns-name.ts';
import { CertmanError, isFailure } from '../../failures/failure.ts';
import type { KubernetesApi, ObjectKey } from '../../kubernetes/api/kubernetes-api.ts';
import { readGoogleCredentials } from '../../kubernetes/objects/google-credentials.ts';
import { abortable } from '../../network/abortable.ts';
import type {
  ChangeHandle,
  DnsProvider,
  DnsProviderOptions,
  DnsTarget,
  Publication,
  ZoneDelegation,
  ZoneRecords,
} from '../provider.ts';
import { batchWindowFor } from '../zone-changes/batch-pace.ts';
import { changeHandleOf, readChangeHandle } from '../zone-changes/change-handle.ts';
import { ChangePoller } from '../zone-changes/change-poller.ts';
import { plainRecords } from '../zone-changes/quote-txt.ts';
import { RequestRateLimiter } from '../zone-changes/rate-limiter.ts';
import type { ZoneApi, ZoneBatcher } from '../zone-changes/zone-batcher.ts';
import { ZoneBatchers } from '../zone-changes/zone-batchers.ts';
import type { KnownZone } from '../zones/hive-zone.ts';
import { SecretCredentials } from '../zones/secret-credentials.ts';
import { ZoneAccess } from '../zones/zone-access.ts';
import { ZoneLookup } from '../zones/zone-lookup.ts';
import { GoogleDnsApi, googleConnections, type ResolvedGoogleCredentials } from './api.ts';

/** Clients, batchers and rate limiters kept; of batchers more while all are busy. */
const MAX_CACHED = 2_000;

/** What a change takes until it is done, before any was seen. */
const EXPECTED_LIVE_MS = 10_000;

/** Settings of Google Cloud DNS alone. */
export interface GoogleDnsSettings {
  /** Per service account and worker. */
  readonly requestsPerSecond: number;
  readonly userAgent: string;
  /** To Google; absent: the provider's own. */
  readonly connections?: Dispatcher;
}

/** {@link DnsProvider} on Google Cloud DNS; its change handles: see `changeHandleOf`. */
export class GoogleDnsProvider implements DnsProvider {
  readonly #access: ZoneAccess<ResolvedGoogleCredentials, GoogleDnsApi>;
  readonly #zones: ZoneLookup;
  readonly #changes: ChangePoller;
  readonly #batchers: ZoneBatchers;

  constructor(options: DnsProviderOptions, settings: GoogleDnsSettings) {
    const { requestsPerSecond, userAgent, connections = googleConnections() } = settings;
    this.#zones = new ZoneLookup(options, {
      words: { zone: 'managed zone', account: "the service account's project" },
      hiveZone: { read: ({ status }) => status?.gcp?.zoneName, field: 'status.gcp.zoneName' },
    });
    this.#changes = new ChangePoller(options.expectedLiveMs ?? EXPECTED_LIVE_MS);
    const limiters = new LRUCache<string, RequestRateLimiter>({
      ...maxEntries(MAX_CACHED),
      memoMethod: () => new RequestRateLimiter(requestsPerSecond),
    });
    const apis = new LRUCache<string, GoogleDnsApi, ResolvedGoogleCredentials>({
      ...maxEntries(MAX_CACHED),
      memoMethod: (_id, _stale, { context }) =>
        new GoogleDnsApi(context, limiters.memo(context.clientEmail), options, { userAgent, connections }),
    });
    const credentials = new SecretCredentials(options.kubernetes, 'gcp', readCredentials);
    this.#access = new ZoneAccess(credentials, this.#zones, (context) => apis.memo(context.id, { context }));
    this.#batchers = new ZoneBatchers(MAX_CACHED, {
      windowMs: batchWindowFor(options.batchWindowMs, requestsPerSecond),
    });
  }

  async publish(target: DnsTarget, records: readonly TxtRecord[], signal: AbortSignal): Promise<Publication> {
    return await this.#access.inZone(target, signal, async (api, zone) => {
      const nameServers = await abortable(this.#zones.nameServers(api, zone), signal);
      const { change } = await this.#batcher(api, zone).submit({ action: 'publish', records }, signal);
      if (change === undefined) return { zoneId: zone.id, nameServers };
      if (change.live) this.#changes.markLive(pollerIdOf(api, zone.id, change.id));
      return { zoneId: zone.id, nameServers, change: changeHandleOf(zone.id, change) };
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
      this.#batcher(api, zone).submit({ action: 'withdraw', records }, signal),
    );
  }

  async listRecords(target: DnsTarget, signal: AbortSignal): Promise<ZoneRecords> {
    const [zone, account] = await this.#access.withApi(target, signal, async (api) => {
      const found = await abortable(this.#zones.find(api, target), signal);
      return [found, api.credentials.account] as const;
    });
    const inZone = <T>(work: (api: GoogleDnsApi) => Promise<T>): Promise<T> =>
      this.#access.withApi(target, signal, (api) =>
        work(api).catch((error: unknown) => {
          if (isFailure(error, 'dns/zoneNotFound')) this.#zones.invalidate(api, target);
          throw error;
        }),
      );
    return {
      // Names of zones are unique in their project only.
      zoneId: `${account} ${zone.id}`,
      page: async (at) => {
        const { sets, next } = await inZone((api) => api.listTxtSets(zone.id, at));
        return { records: sets.flatMap(plainRecords), next };
      },
      withdraw: async (records) => {
        await inZone((api) => this.#batcher(api, zone).submit({ action: 'withdraw', records }, signal));
      },
    };
  }

  async awaitLive(target: DnsTarget, handle: ChangeHandle, signal: AbortSignal): Promise<void> {
    const { id, zoneId, sentAt } = readChangeHandle(handle);
    const nextPoll = await this.#access.withApi(target, signal, (api) =>
      this.#changes.waitLive({ id: pollerIdOf(api, zoneId, id), sentAt }, () => api.isLive(zoneId, id), signal),
    );
    if (nextPoll === undefined) return;
    throw new CertmanError({
      code: 'dns/pending',
      message: `Change ${id} of managed zone ${zoneId} (${target.zoneName}) is pending: Google has not sent it to its servers yet.`,
      remedy: 'It is polled again when changes are usually done.',
      notBefore: nextPoll,
    });
  }

  /** The caller submits to it before it awaits anything: see {@link ZoneBatchers.get}. */
  #batcher(api: GoogleDnsApi, zone: KnownZone): ZoneBatcher {
    const zoneApi: ZoneApi = {
      readTxtSets: (names, precedence, onRequest) => api.readTxtSets(zone.id, names, precedence, onRequest),
      change: (changes, precedence) => api.change(zone.id, changes, precedence),
    };
    return this.#batchers.get(`${api.credentials.id} ${zone.id}`, zoneApi);
  }
}

async function readCredentials(kubernetes: KubernetesApi, secret: ObjectKey): Promise<ResolvedGoogleCredentials> {
  const credentials = await readGoogleCredentials(kubernetes, secret);
  const parts = JSON.stringify([credentials.projectId, credentials.clientEmail, credentials.privateKey]);
  return { ...credentials, id: createHash('sha256').update(parts).digest('base64url') };
}

/** Ids of changes are small numbers, unique in their zone only. */
function pollerIdOf({ credentials }: GoogleDnsApi, zoneId: string, changeId: string): string {
  return `${credentials.account} ${zoneId} ${changeId}`;
}
