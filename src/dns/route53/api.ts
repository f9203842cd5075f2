/** Calls to Route 53 with one set of credentials: rate limited, bounded, with typed failures; not retried here. */
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import {
  type ListResourceRecordSetsCommandInput,
  type ResourceRecordSet,
  Route53,
  type Route53ClientConfig,
} from '@aws-sdk/client-route-53';
import { CertmanError } from '../../failures/failure.ts';
import type { DnsProviderOptions, ZoneDelegation } from '../provider.ts';
import type { SubmittedChange, TxtChange, TxtRecordSet } from '../zone-changes/change-batch.ts';
import type { Precedence, RequestRateLimiter } from '../zone-changes/rate-limiter.ts';
import type { ListedZone } from '../zones/select-zone.ts';
import { fromAwsError, isBusyZone } from './aws-error.ts';
import { compareNamesByLabel, decodeName } from './record-format.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 20_000;

/** Maximum of one ListResourceRecordSets (Route 53 API reference). */
const MAX_PAGE_SIZE = 300;

/** Ends a listing that pages in circles: an AWS account has at most 500 zones by default, 100 in a page. */
const MAX_ZONE_PAGES = 1_000;

/** One pool of connections for all credentials. */
export const AWS_CONNECTIONS = Object.freeze({
  connectionTimeout: CONNECT_TIMEOUT_MS,
  requestTimeout: REQUEST_TIMEOUT_MS,
  throwOnRequestTimeout: true,
  httpAgent: new HttpAgent({ keepAlive: true, maxSockets: 50 }),
  httpsAgent: new HttpsAgent({ keepAlive: true, maxSockets: 50 }),
});

/** Where a page of a zone's record sets begins, as the API takes it. */
export type RecordPosition = Pick<
  ListResourceRecordSetsCommandInput,
  'StartRecordName' | 'StartRecordType' | 'StartRecordIdentifier'
>;

/** Credentials, and what they are distinguished by. */
export interface ResolvedCredentials {
  /** Digest: equal for equal credentials. */
  readonly id: string;
  /** Equal for credentials that share the limits of an AWS account, as far as that is known. */
  readonly account: string;
  /** By which Route 53 is addressed: see `route53Region`. */
  readonly region: string;
  /** Absent: the SDK's default chain. */
  readonly credentials?: Route53ClientConfig['credentials'];
}

/** All methods throw `CertmanError` with a `dns/…` code. */
export class Route53Api {
  readonly credentials: ResolvedCredentials;
  readonly #rateLimiter: RequestRateLimiter;
  readonly #onRequest: DnsProviderOptions['onRequest'];
  readonly #onFailure: DnsProviderOptions['onFailure'];
  readonly #client: Route53;

  /** @param rateLimiter shared by all clients of the same AWS account. */
  constructor(credentials: ResolvedCredentials, rateLimiter: RequestRateLimiter, options: DnsProviderOptions) {
    this.credentials = credentials;
    this.#rateLimiter = rateLimiter;
    this.#onRequest = options.onRequest;
    this.#onFailure = options.onFailure;
    this.#client = new Route53({
      region: credentials.region,
      maxAttempts: 1,
      requestHandler: AWS_CONNECTIONS,
      credentials: credentials.credentials,
    });
  }

  async listZones(): Promise<readonly ListedZone[]> {
    const zones: ListedZone[] = [];
    let marker: string | undefined;
    for (let page = 0; page < MAX_ZONE_PAGES; page++) {
      const input = { MaxItems: 100, Marker: marker };
      const answer = await this.#request('read', 'ListHostedZones', 'list the hosted zones', () =>
        this.#client.listHostedZones(input),
      );
      for (const { Id = '', Name = '', Config } of answer.HostedZones ?? []) {
        zones.push({ id: stripIdPrefix(Id), name: decodeName(Name), private: Config?.PrivateZone === true });
      }
      if (answer.IsTruncated !== true || answer.NextMarker === undefined) return zones;
      marker = answer.NextMarker;
    }
    throw new CertmanError({
      code: 'dns/unexpected',
      message: `AWS listed hosted zones without an end (${MAX_ZONE_PAGES} pages).`,
    });
  }

  async describeZone(zoneId: string): Promise<ZoneDelegation> {
    const answer = await this.#request('next', 'GetHostedZone', `describe hosted zone ${zoneId}`, () =>
      this.#client.getHostedZone({ Id: zoneId }),
    );
    const nameServers = (answer.DelegationSet?.NameServers ?? []).map(decodeName);
    return { name: decodeName(answer.HostedZone?.Name ?? ''), nameServers };
  }

  /** Starts each page at the first name that none has covered: no more requests than names, or pages between them. */
  async readTxtSets(
    zoneId: string,
    names: Iterable<string>,
    precedence: Precedence,
    onRequest: () => void,
  ): Promise<Map<string, TxtRecordSet>> {
    const sets = new Map<string, TxtRecordSet>();
    const doing = `list records of hosted zone ${zoneId}`;
    let turn = precedence;
    let rest = [...names].toSorted(compareNamesByLabel);
    for (let start = rest[0]; start !== undefined; start = rest[0]) {
      const input = {
        HostedZoneId: zoneId,
        StartRecordName: `${start}.`,
        StartRecordType: 'TXT',
        MaxItems: rest.length === 1 ? 1 : MAX_PAGE_SIZE,
      } as const;
      onRequest();
      const page = await this.#request(turn, 'ListResourceRecordSets', doing, () =>
        this.#client.listResourceRecordSets(input),
      );
      turn = 'next';
      for (const found of page.ResourceRecordSets ?? []) {
        const set = readTxtSet(found);
        if (set !== undefined) sets.set(set.name, set);
      }
      if (page.IsTruncated !== true || page.NextRecordName === undefined) break;
      const end = decodeName(page.NextRecordName);
      rest = rest.slice(1).filter((name) => {
        const order = compareNamesByLabel(name, end);
        // The name at which a page ends may have its TXT set on the next one.
        return order > 0 || (order === 0 && !sets.has(name));
      });
    }
    return sets;
  }

  /** TXT sets without a routing policy, of up to 300 record sets. @param at `next` of the page before. */
  async listTxtSets(
    zoneId: string,
    at: RecordPosition | undefined,
  ): Promise<{ readonly sets: readonly TxtRecordSet[]; readonly next?: RecordPosition }> {
    const input = { HostedZoneId: zoneId, MaxItems: MAX_PAGE_SIZE, ...at };
    const answer = await this.#request('sweep', 'ListResourceRecordSets', `list records of hosted zone ${zoneId}`, () =>
      this.#client.listResourceRecordSets(input),
    );
    const sets = (answer.ResourceRecordSets ?? []).flatMap((found) => readTxtSet(found) ?? []);
    const { IsTruncated, NextRecordName: StartRecordName, NextRecordType, NextRecordIdentifier } = answer;
    if (IsTruncated !== true || StartRecordName === undefined) return { sets };
    const StartRecordType = NextRecordType;
    return { sets, next: { StartRecordName, StartRecordType, StartRecordIdentifier: NextRecordIdentifier } };
  }

  /** @throws ChangeRefusedError when Route 53 rejects the batch, of which nothing is done then. */
  async change(zoneId: string, changes: readonly TxtChange[], precedence: Precedence): Promise<SubmittedChange> {
    const batch = changes.map(({ action, set }) => ({
      Action: action,
      ResourceRecordSet: {
        Name: `${set.name}.`,
        Type: 'TXT' as const,
        TTL: set.ttlSeconds,
        ResourceRecords: set.values.map((value) => ({ Value: value })),
      },
    }));
    const doing = `change TXT records of hosted zone ${zoneId}`;
    const answer = await this.#request(precedence, 'ChangeResourceRecordSets', doing, () =>
      this.#client.changeResourceRecordSets({
        HostedZoneId: zoneId,
        ChangeBatch: { Comment: 'certman', Changes: batch },
      }),
    );
    const { Id, Status } = answer.ChangeInfo ?? {};
    if (Id === undefined) {
      throw new CertmanError({ code: 'dns/unexpected', message: 'AWS accepted a change without giving its id.' });
    }
    return { id: stripIdPrefix(Id), live: Status === 'INSYNC', sentAt: Date.now() };
  }

  async isInSync(changeId: string): Promise<boolean> {
    const answer = await this.#request('poll', 'GetChange', `describe change ${changeId}`, () =>
      this.#client.getChange({ Id: changeId }),
    );
    return answer.ChangeInfo?.Status === 'INSYNC';
  }

  /** @throws CertmanError `dns/queued` when too many wait for their turn, else what AWS answers. */
  async #request<T>(precedence: Precedence, action: string, doing: string, send: () => Promise<T>): Promise<T> {
    await this.#rateLimiter.acquire(precedence);
    this.#onRequest?.('route53', action);
    try {
      return await send();
    } catch (error) {
      const problem = fromAwsError(doing, error);
      this.#onFailure?.('route53', action, problem.code);
      if (problem.code === 'dns/throttled' && !isBusyZone(problem)) this.#rateLimiter.backOff(1_000);
      throw problem;
    }
  }
}

/** @returns undefined for a set of another type, or one with a routing policy. */
function readTxtSet(found: ResourceRecordSet): TxtRecordSet | undefined {
  const { Name, Type, TTL, SetIdentifier, ResourceRecords = [] } = found;
  const values = ResourceRecords.flatMap(({ Value }) => Value ?? []);
  if (Name === undefined || Type !== 'TXT' || TTL === undefined || values.length === 0) return undefined;
  return SetIdentifier === undefined ? { name: decodeName(Name), ttlSeconds: TTL, values } : undefined;
}

/** Ids come as `/hostedzone/Z…` and `/change/C…`. */
export function stripIdPrefix(id: string): string {
  return id.slice(id.lastIndexOf('/') + 1);
}
