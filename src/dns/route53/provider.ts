import { LRUCache } from 'lru-cache';
import { IdleCache } from '../../cache/idle-cache.ts';
import { maxEntries } from '../../cache/max-entries.ts';
import type { TxtRecord } from '../../certificates/dns-name.ts';
import { CertmanError, isFailure } from '../../failures/failure.ts';
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
import type { HiveDnsZone, KnownZone } from '../zones/hive-zone.ts';
import { ZoneAccess } from '../zones/zone-access.ts';
import { ZoneLookup } from '../zones/zone-lookup.ts';
import { type RecordPosition, type ResolvedCredentials, Route53Api, stripIdPrefix } from './api.ts';
import { type CredentialSettings, CredentialSource } from './credentials.ts';
import { ZoneAdmission } from './zone-admission.ts';

/** Clients, batchers and rate limiters kept; of batchers more while all are busy. */
const MAX_CACHED = 2_000;
/** A client takes 30 kB, and a sweep needs one for each AWS account. */
const CLIENT_IDLE_MS = 10 * 60_000;

/** What the clients of one AWS account share. */
interface Account {
  readonly rateLimiter: RequestRateLimiter;
  readonly admission: ZoneAdmission;
}

/** Settings of Route 53 alone. */
export interface Route53Settings extends CredentialSettings {
  /** Per AWS account and worker. */
  readonly requestsPerSecond: number;
}

/** {@link DnsProvider} on AWS Route 53; its change handles: see `changeHandleOf`. */
export class Route53Provider implements DnsProvider {
  readonly #access: ZoneAccess<ResolvedCredentials, Route53Api>;
  readonly #zones: ZoneLookup;
  readonly #changes: ChangePoller;
  readonly #accounts: LRUCache<string, Account>;
  readonly #apis = new IdleCache<Route53Api>({ max: MAX_CACHED, idleMs: CLIENT_IDLE_MS });
  readonly #batchers: ZoneBatchers;

  constructor(options: DnsProviderOptions, { requestsPerSecond, ...settings }: Route53Settings) {
    this.#zones = new ZoneLookup(options, {
      words: { zone: 'hosted zone', account: 'the AWS account' },
      hiveZone: { read: hiveZoneId, field: 'status.aws.zoneID' },
      givenZone: ({ isChallengeZone }) =>
        zoneOf(isChallengeZone === true ? settings.challengeZone?.hostedZoneId : settings.fedramp?.hostedZoneId),
    });
    this.#changes = new ChangePoller(options.expectedLiveMs);
    this.#accounts = new LRUCache({
      ...maxEntries(MAX_CACHED),
      memoMethod: () => {
        const rateLimiter = new RequestRateLimiter(requestsPerSecond);
        return { rateLimiter, admission: new ZoneAdmission(rateLimiter) };
      },
    });
    const createApi = (credentials: ResolvedCredentials): Route53Api =>
      new Route53Api(credentials, this.#accounts.memo(credentials.account).rateLimiter, options);
    this.#access = new ZoneAccess(new CredentialSource(options, settings), this.#zones, (credentials) =>
      this.#apis.get(credentials.id, () => createApi(credentials)),
    );
    this.#batchers = new ZoneBatchers(MAX_CACHED, {
      windowMs: batchWindowFor(options.batchWindowMs, requestsPerSecond),
    });
  }

  async publish(
    target: DnsTarget,
    records: readonly TxtRecord[],
    signal: AbortSignal,
    waitingSince: number,
  ): Promise<Publication> {
    return await this.#access.inZone(target, signal, (api, zone) =>
      this.#publishIn(api, zone, records, signal, waitingSince),
    );
  }

  async delegation(target: DnsTarget, signal: AbortSignal, anew = false): Promise<ZoneDelegation | undefined> {
    if (anew) await this.#access.withApi(target, signal, async (api) => this.#zones.invalidate(api, target));
    return await this.#access.inZone(target, signal, (api, zone) =>
      abortable(this.#zones.delegation(api, zone), signal),
    );
  }

  async withdraw(target: DnsTarget, records: readonly TxtRecord[], signal: AbortSignal): Promise<void> {
    await this.#access.inZone(target, signal, (api, zone) => {
      this.#accounts.memo(api.credentials.account).admission.leave(zone.id);
      return this.#batcher(api, zone).submit({ action: 'withdraw', records }, signal);
    });
  }

  async listRecords(target: DnsTarget, signal: AbortSignal): Promise<ZoneRecords> {
    const find = (api: Route53Api): Promise<KnownZone> => abortable(this.#zones.find(api, target), signal);
    const zone = await this.#access.withApi(target, signal, find);
    const inZone = <T>(work: (api: Route53Api) => Promise<T>): Promise<T> =>
      // A sweep takes longer than the session of a role.
      this.#access.withApi(target, signal, (api) =>
        work(api).catch((error: unknown) => {
          if (isFailure(error, 'dns/zoneNotFound')) this.#zones.invalidate(api, target);
          throw error;
        }),
      );
    return {
      zoneId: zone.id,
      page: async (at) => {
        const position = at === undefined ? undefined : (JSON.parse(at) as RecordPosition);
        const { sets, next } = await inZone((api) => api.listTxtSets(zone.id, position));
        return { records: sets.flatMap(plainRecords), next: next && JSON.stringify(next) };
      },
      withdraw: async (records) => {
        await inZone((api) => this.#batcher(api, zone).submit({ action: 'withdraw', records }, signal));
      },
    };
  }

  async awaitLive(target: DnsTarget, change: ChangeHandle, signal: AbortSignal): Promise<void> {
    const { id, zoneId, sentAt } = readChangeHandle(change);
    const nextPoll = await this.#access.withApi(target, signal, async (api) => {
      const next = await this.#changes.waitLive({ id, sentAt }, () => api.isInSync(id), signal);
      if (next === undefined) this.#accounts.memo(api.credentials.account).admission.leave(zoneId);
      return next;
    });
    if (nextPoll === undefined) return;
    throw new CertmanError({
      code: 'dns/pending',
      message: `Route 53 change ${id} of ${target.zoneName} is PENDING: not all of its servers have it.`,
      remedy: 'It is polled again when changes are usually live; a minute is usual.',
      notBefore: nextPoll,
    });
  }

  /** @throws CertmanError `dns/queued` when it is not the zone's turn to be changed. */
  async #publishIn(
    api: Route53Api,
    zone: KnownZone,
    records: readonly TxtRecord[],
    signal: AbortSignal,
    waitingSince: number,
  ): Promise<Publication> {
    const { admission } = this.#accounts.memo(api.credentials.account);
    // Others publish in the zone already: one request for all of them.
    if (this.#batcher(api, zone).idle) admission.enter(zone.id, waitingSince);
    try {
      const nameServers = await abortable(this.#zones.nameServers(api, zone), signal);
      const { change } = await this.#batcher(api, zone).submit({ action: 'publish', records }, signal);
      if (change?.live === true) this.#changes.markLive(change.id);
      if (change === undefined || change.live) admission.leave(zone.id);
      else admission.sent(zone.id);
      return { zoneId: zone.id, nameServers, change: change && changeHandleOf(zone.id, change) };
    } catch (error) {
      admission.leave(zone.id);
      throw error;
    }
  }

  /** The caller submits to it before it awaits anything: see {@link ZoneBatchers.get}. */
  #batcher(api: Route53Api, zone: KnownZone): ZoneBatcher {
    const zoneApi: ZoneApi = {
      readTxtSets: (names, precedence, onRequest) => api.readTxtSets(zone.id, names, precedence, onRequest),
      change: (changes, precedence) => api.change(zone.id, changes, precedence),
    };
    return this.#batchers.get(`${api.credentials.id} ${zone.id}`, zoneApi);
  }
}

function zoneOf(id: string | undefined): KnownZone | undefined {
  return id === undefined ? undefined : { id: stripIdPrefix(id) };
}

function hiveZoneId({ status }: HiveDnsZone): string | undefined {
  return status?.aws?.zoneID && stripIdPrefix(status.aws.zoneID);
}
