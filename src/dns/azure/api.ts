/** Calls to Azure DNS with one service principal: rate limited, bounded, with typed failures; not retried here. */
import { DnsManagementClient, getContinuationToken, type RecordSet, type TxtRecord, type Zone } from '@azure/arm-dns';
import { ClientSecretCredential } from '@azure/identity';
import type { Dispatcher } from 'undici';
import { normalizeName } from '../../certificates/dns-name.ts';
import { CertmanError } from '../../failures/failure.ts';
import type { AzureCredentials } from '../../kubernetes/objects/azure-credentials.ts';
import type { DnsProviderOptions, ZoneDelegation } from '../provider.ts';
import type { Precedence, RequestRateLimiter } from '../zone-changes/rate-limiter.ts';
import type { ListedZone } from '../zones/select-zone.ts';
import type { ZonesApi } from '../zones/zone-lookup.ts';
import { fromAzureError, fromTokenError, statusOf } from './azure-error.ts';
import type { AzureCloud } from './clouds.ts';
import { azureHttpClient } from './http-client.ts';

/** More than a subscription may have (250 zones by default, 1,000 at most in a page's default of 100). */
const MAX_ZONES = 20_000;

/** Credentials, the resource group that zones are looked for in, and what they are distinguished by. */
export interface AzureAccess {
  readonly credentials: AzureCredentials;
  readonly cloud: AzureCloud;
  /** Empty: all of the subscription. */
  readonly resourceGroup: string;
  /** Digest: equal for equal access. */
  readonly id: string;
}

/** TXT record set of a zone; absent ones have no values. */
export interface TxtSet {
  /** Absent: there is no such record set. */
  readonly etag?: string;
  /** As it was read. */
  readonly set: Pick<RecordSet, 'ttl' | 'metadata' | 'txtRecords'>;
  /** Each the strings of one record, joined. */
  readonly values: readonly string[];
}

/** A TXT record set of a listing, its name normalized. */
export type ListedTxtSet = Pick<TxtSet, 'values'> & { readonly name: string };

/** All methods throw `CertmanError` with a `dns/…` code. Ids of zones: `<resource group>/<name>`. */
export class AzureDnsApi implements ZonesApi {
  readonly credentials: ZonesApi['credentials'];
  readonly #access: AzureAccess;
  readonly #rateLimiter: RequestRateLimiter;
  readonly #onRequest: DnsProviderOptions['onRequest'];
  readonly #onFailure: DnsProviderOptions['onFailure'];
  readonly #credential: ClientSecretCredential;
  readonly #client: DnsManagementClient;

  /** @param rateLimiter shared by all clients of the same service principal and subscription. */
  constructor(
    access: AzureAccess,
    rateLimiter: RequestRateLimiter,
    options: DnsProviderOptions,
    { userAgent, connections }: { readonly userAgent: string; readonly connections: Dispatcher },
  ) {
    const { credentials, cloud } = access;
    this.credentials = { id: access.id, account: access.id };
    this.#access = access;
    this.#rateLimiter = rateLimiter;
    this.#onRequest = options.onRequest;
    this.#onFailure = options.onFailure;
    const common = {
      httpClient: azureHttpClient(connections),
      retryOptions: { maxRetries: 0 },
      userAgentOptions: { userAgentPrefix: userAgent },
    };
    this.#credential = new ClientSecretCredential(
      credentials.tenantId,
      credentials.clientId,
      credentials.clientSecret,
      // The authority is one that certman knows: no other host is asked about it.
      { ...common, authorityHost: cloud.authority, disableInstanceDiscovery: true },
    );
    this.#client = new DnsManagementClient(this.#credential, credentials.subscriptionId, {
      ...common,
      endpoint: cloud.endpoint,
      credentialScopes: this.#scope,
    });
  }

  get subscription(): string {
    return this.#access.credentials.subscriptionId;
  }

  async listZones(): Promise<readonly ListedZone[]> {
    const { resourceGroup, credentials } = this.#access;
    const where =
      resourceGroup === '' ? `subscription ${credentials.subscriptionId}` : `resource group ${resourceGroup}`;
    const { zones } = this.#client;
    const pages = (resourceGroup === '' ? zones.list() : zones.listByResourceGroup(resourceGroup)).byPage();
    const listed: ListedZone[] = [];
    for (let precedence: Precedence = 'read'; listed.length < MAX_ZONES; precedence = 'next') {
      const page = await this.#request(precedence, 'Zones.List', `list the DNS zones of ${where}`, () => pages.next());
      if (page.done === true) return listed;
      listed.push(...page.value.flatMap(toListedZone));
      if (getContinuationToken(page.value) === undefined) return listed;
    }
    throw new CertmanError({
      code: 'dns/unexpected',
      message: `Azure listed DNS zones of ${where} without an end (${MAX_ZONES}).`,
    });
  }

  async describeZone(zoneId: string): Promise<ZoneDelegation> {
    const [resourceGroup, zoneName] = splitZoneId(zoneId);
    const zone = await this.#request('next', 'Zones.Get', `describe DNS zone ${zoneId}`, () =>
      this.#client.zones.get(resourceGroup, zoneName),
    );
    return { name: normalizeName(zone.name ?? zoneName), nameServers: (zone.nameServers ?? []).map(normalizeName) };
  }

  async readTxtSet(zoneId: string, name: string, precedence: Precedence): Promise<TxtSet> {
    const [resourceGroup, zoneName] = splitZoneId(zoneId);
    const read = async (): Promise<RecordSet> => {
      try {
        return asRecordSet(
          await this.#client.recordSets.get(resourceGroup, zoneName, relativeName(name, zoneName), 'TXT'),
        );
      } catch (error) {
        // Of a zone that does not exist, the change says so.
        if (statusOf(error) === 404) return {};
        throw error;
      }
    };
    return toTxtSet(await this.#request(precedence, 'RecordSets.Get', `read TXT records of DNS zone ${zoneId}`, read));
  }

  /** TXT record sets, of up to 100 (Azure's page). @param at `next` of the page before. */
  async listTxtSets(
    zoneId: string,
    at: string | undefined,
  ): Promise<{ readonly sets: readonly ListedTxtSet[]; readonly next?: string | undefined }> {
    const [resourceGroup, zoneName] = splitZoneId(zoneId);
    const pages = this.#client.recordSets.listByType(resourceGroup, zoneName, 'TXT').byPage({ continuationToken: at });
    const page = await this.#request('sweep', 'RecordSets.ListByType', `list TXT records of DNS zone ${zoneId}`, () =>
      pages.next(),
    );
    const found: readonly RecordSet[] = page.done === true ? [] : page.value;
    const sets = found.map((set) => ({
      name: absoluteName(set.name ?? '@', zoneName),
      values: (set.txtRecords ?? []).map(textOf),
    }));
    return { sets, next: page.done === true ? undefined : getContinuationToken(page.value) };
  }

  /**
   * Replaces a record set that is as it was read, or creates one where none was; deletes it when no value is left.
   * @returns undefined when it is another by now, and nothing was changed.
   */
  async writeTxtSet(zoneId: string, name: string, before: TxtSet, after: TxtSet): Promise<TxtSet | undefined> {
    const [resourceGroup, zoneName] = splitZoneId(zoneId);
    const relative = relativeName(name, zoneName);
    const { recordSets } = this.#client;
    const condition = before.etag === undefined ? { ifNoneMatch: '*' } : { ifMatch: before.etag };
    const write = async (): Promise<RecordSet | undefined> => {
      try {
        if (after.values.length > 0) {
          const txtRecords = after.values.map((value) => recordOf(before, value));
          const set = { ...after.set, txtRecords };
          return asRecordSet(await recordSets.createOrUpdate(resourceGroup, zoneName, relative, 'TXT', set, condition));
        }
        await recordSets.delete(resourceGroup, zoneName, relative, 'TXT', { ifMatch: before.etag });
        return {};
      } catch (error) {
        if (statusOf(error) === 412) return undefined;
        throw error;
      }
    };
    const action = after.values.length > 0 ? 'RecordSets.CreateOrUpdate' : 'RecordSets.Delete';
    const written = await this.#request('change', action, `change TXT records of DNS zone ${zoneId}`, write);
    return written && toTxtSet(written);
  }

  get #scope(): string {
    return `${this.#access.cloud.endpoint}/.default`;
  }

  /** @throws CertmanError `dns/queued` when too many wait for their turn, else what Azure answers. */
  async #request<T>(precedence: Precedence, action: string, doing: string, send: () => Promise<T>): Promise<T> {
    const { clientId } = this.#access.credentials;
    // Before the turn: credentials that Azure refuses take none from others. The SDK keeps the token, by these options.
    await this.#credential.getToken(this.#scope, { enableCae: true }).catch((error: unknown) => {
      throw fromTokenError(`give service principal ${clientId} an access token`, error);
    });
    await this.#rateLimiter.acquire(precedence);
    this.#onRequest?.('azure-dns', action);
    try {
      return await send();
    } catch (error) {
      const problem = fromAzureError(doing, error);
      this.#onFailure?.('azure-dns', action, problem.code);
      if (problem.code === 'dns/throttled') this.#rateLimiter.backOff(1_000);
      throw problem;
    }
  }
}

function toListedZone({ id = '', name = '', zoneType }: Zone): readonly ListedZone[] {
  const [, resourceGroup] = /\/resourceGroups\/([^/]+)\//i.exec(id) ?? [];
  if (resourceGroup === undefined || name === '') return [];
  return [{ id: `${resourceGroup}/${name}`, name: normalizeName(name), private: zoneType === 'Private' }];
}

function splitZoneId(zoneId: string): readonly [resourceGroup: string, zoneName: string] {
  const [resourceGroup = '', zoneName = ''] = zoneId.split('/');
  return [resourceGroup, zoneName];
}

/** `@` for the zone's own name. */
function relativeName(name: string, zoneName: string): string {
  return name === normalizeName(zoneName) ? '@' : name.slice(0, -zoneName.length - 1);
}

function absoluteName(relative: string, zoneName: string): string {
  return normalizeName(relative === '@' ? zoneName : `${relative}.${zoneName}`);
}

function toTxtSet({ etag, ttl, metadata, txtRecords = [] }: RecordSet): TxtSet {
  return { etag, set: { ttl, metadata, txtRecords }, values: txtRecords.map(textOf) };
}

/** The SDK takes any answer with a status of success, also a web page. */
function asRecordSet(answered: RecordSet): RecordSet {
  if (answered.etag !== undefined) return answered;
  throw new CertmanError({
    code: 'dns/unexpected',
    message: "Azure's answer is no record set: something else may have answered in its place.",
    remedy: 'Check the network policy and the proxy of the worker; it is retried by the schedule.',
  });
}

function textOf({ value = [] }: TxtRecord): string {
  return value.join('');
}

/** A record that is there keeps its character-strings. */
function recordOf({ set }: TxtSet, value: string): TxtRecord {
  return set.txtRecords?.find((record) => textOf(record) === value) ?? { value: stringsOf(value) };
}

/** Character-strings of a TXT record have at most 255 bytes (RFC 1035 §3.3.14). */
function stringsOf(value: string): string[] {
  return value.match(/[^]{1,255}/g) ?? [''];
}
