/**
 * Calls to Google Cloud DNS with the key of one service account: rate limited, bounded, with typed failures; not retried
 * here. REST v1: https://cloud.google.com/dns/docs/reference/rest/v1; docs/decisions/libraries.md says why not by its SDK.
 */

import { Agent, type Dispatcher } from 'undici';
import { z } from 'zod';
import { normalizeName } from '../../certificates/dns-name.ts';
import { CertmanError } from '../../failures/failure.ts';
import type { GoogleCredentials } from '../../kubernetes/objects/google-credentials.ts';
import { TimeLimit } from '../../network/time-limit.ts';
import type { DnsProviderOptions, ZoneDelegation } from '../provider.ts';
import type { SubmittedChange, TxtChange, TxtRecordSet } from '../zone-changes/change-batch.ts';
import type { Precedence, RequestRateLimiter } from '../zone-changes/rate-limiter.ts';
import type { ListedZone } from '../zones/select-zone.ts';
import type { ZonesApi } from '../zones/zone-lookup.ts';
import { AccessTokens } from './access-token.ts';
import { fromGoogleRefusal, unreachable } from './google-error.ts';

const ORIGIN = 'https://dns.googleapis.com';
const CONNECT_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 20_000;
const MAX_ANSWER_BYTES = 8 << 20;

/** Ends a listing that pages in circles: a zone has at most 10,000 record sets by default, a project 10,000 zones. */
const MAX_PAGES = 1_000;

/** Of more names the whole zone is listed. */
const MAX_SINGLE_READS = 5;

/** The connections of all service accounts to Google. */
export function googleConnections(): Dispatcher {
  return new Agent({
    connections: 20,
    connect: { timeout: CONNECT_TIMEOUT_MS },
    headersTimeout: REQUEST_TIMEOUT_MS,
    bodyTimeout: REQUEST_TIMEOUT_MS,
    maxResponseSize: MAX_ANSWER_BYTES,
  });
}

/** Credentials, and what they are distinguished by. */
export interface ResolvedGoogleCredentials extends GoogleCredentials {
  /** Digest: equal for equal credentials. */
  readonly id: string;
}

const zoneSchema = z.object({
  name: z.string().max(63),
  dnsName: z.string().max(254).transform(normalizeName),
  visibility: z.string().max(32).optional(),
  nameServers: z.array(z.string().max(254).transform(normalizeName)).max(32).default([]),
});
const recordSetSchema = z.object({
  name: z.string().max(1_100).transform(normalizeName),
  type: z.string().max(32),
  ttl: z.number().int().default(0),
  rrdatas: z.array(z.string().max(65_536)).max(1_000).default([]),
});
const changeSchema = z.object({ id: z.string().min(1).max(64).regex(/^\S+$/), status: z.string().max(32) });
const pageToken = z.string().max(4_096).optional();
const zonePageSchema = z.object({ managedZones: z.array(zoneSchema).default([]), nextPageToken: pageToken });
const recordSetPageSchema = z.object({ rrsets: z.array(recordSetSchema).default([]), nextPageToken: pageToken });

interface Call {
  readonly precedence: Precedence;
  /** The method of the API, such as `changes.create`. */
  readonly action: string;
  readonly doing: string;
  readonly path: readonly string[];
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: { readonly additions: readonly RecordSet[]; readonly deletions: readonly RecordSet[] };
}

interface RecordSet {
  readonly name: string;
  readonly type: 'TXT';
  readonly ttl: number;
  readonly rrdatas: readonly string[];
}

/** All methods throw `CertmanError` with a `dns/…` code. */
export class GoogleDnsApi implements ZonesApi {
  readonly credentials: ZonesApi['credentials'];
  readonly #projectId: string;
  readonly #rateLimiter: RequestRateLimiter;
  readonly #onRequest: DnsProviderOptions['onRequest'];
  readonly #onFailure: DnsProviderOptions['onFailure'];
  readonly #connections: Dispatcher;
  readonly #userAgent: string;
  readonly #tokens: AccessTokens;

  /** @param rateLimiter shared by all clients of the same service account. */
  constructor(
    credentials: ResolvedGoogleCredentials,
    rateLimiter: RequestRateLimiter,
    options: DnsProviderOptions,
    { userAgent, connections }: { readonly userAgent: string; readonly connections: Dispatcher },
  ) {
    this.credentials = { id: credentials.id, account: credentials.id };
    this.#userAgent = userAgent;
    this.#projectId = credentials.projectId;
    this.#rateLimiter = rateLimiter;
    this.#onRequest = options.onRequest;
    this.#onFailure = options.onFailure;
    this.#connections = connections;
    this.#tokens = new AccessTokens(credentials, connections);
  }

  async listZones(): Promise<readonly ListedZone[]> {
    const call = {
      precedence: 'read',
      action: 'managedZones.list',
      doing: `list the managed zones of project ${this.#projectId}`,
      path: [],
    } as const;
    const zones: ListedZone[] = [];
    for await (const { managedZones } of this.#pages(call, zonePageSchema)) {
      for (const { name, dnsName, visibility } of managedZones) {
        zones.push({ id: name, name: dnsName, private: visibility === 'private' });
      }
    }
    return zones;
  }

  async describeZone(zoneId: string): Promise<ZoneDelegation> {
    const call = {
      precedence: 'next',
      action: 'managedZones.get',
      doing: `describe managed zone ${zoneId}`,
      path: [zoneId],
    } as const;
    const { dnsName, nameServers } = await this.#request(call, zoneSchema);
    return { name: dnsName, nameServers };
  }

  /** One request for each name, or for each page of the zone where the names are many. */
  async readTxtSets(
    zoneId: string,
    names: Iterable<string>,
    precedence: Precedence,
    onRequest: () => void,
  ): Promise<Map<string, TxtRecordSet>> {
    const wanted = new Set(names);
    const call = {
      precedence,
      action: 'resourceRecordSets.list',
      doing: `list records of managed zone ${zoneId}`,
      path: [zoneId, 'rrsets'],
    } as const;
    const queries = [...wanted].map((name) => ({ name: `${name}.`, type: 'TXT' }));
    const sets = new Map<string, TxtRecordSet>();
    for (const query of queries.length > MAX_SINGLE_READS ? [undefined] : queries) {
      for await (const { rrsets } of this.#pages({ ...call, query }, recordSetPageSchema, onRequest)) {
        for (const { name, type, ttl, rrdatas } of rrsets) {
          // A set with a routing policy has no data of its own.
          if (type !== 'TXT' || rrdatas.length === 0 || !wanted.has(name)) continue;
          sets.set(name, { name, ttlSeconds: ttl, values: rrdatas });
        }
      }
    }
    return sets;
  }

  /** TXT sets without a routing policy, of one page of all record sets. @param at `next` of the page before. */
  async listTxtSets(
    zoneId: string,
    at: string | undefined,
  ): Promise<{ readonly sets: readonly TxtRecordSet[]; readonly next: string | undefined }> {
    const call = {
      precedence: 'sweep',
      action: 'resourceRecordSets.list',
      doing: `list records of managed zone ${zoneId}`,
      path: [zoneId, 'rrsets'],
      query: { pageToken: at },
    } as const;
    const { rrsets, nextPageToken } = await this.#request(call, recordSetPageSchema);
    const sets = rrsets
      .filter(({ type, rrdatas }) => type === 'TXT' && rrdatas.length > 0)
      .map(({ name, ttl, rrdatas }) => ({ name, ttlSeconds: ttl, values: rrdatas }));
    return { sets, next: nextPageToken || undefined };
  }

  /** @throws ChangeRefusedError when Google rejects the change, of which nothing is done then. */
  async change(zoneId: string, changes: readonly TxtChange[], precedence: Precedence): Promise<SubmittedChange> {
    const setsTo = (action: TxtChange['action']) =>
      changes.filter((change) => change.action === action).map(({ set }) => toRecordSet(set));
    const body = { additions: setsTo('CREATE'), deletions: setsTo('DELETE') };
    const call = {
      precedence,
      action: 'changes.create',
      doing: `change TXT records of managed zone ${zoneId}`,
      path: [zoneId, 'changes'],
      body,
    } as const;
    const { id, status } = await this.#request(call, changeSchema);
    return { id, live: status === 'done', sentAt: Date.now() };
  }

  async isLive(zoneId: string, changeId: string): Promise<boolean> {
    const call = {
      precedence: 'poll',
      action: 'changes.get',
      doing: `describe change ${changeId} of managed zone ${zoneId}`,
      path: [zoneId, 'changes', changeId],
    } as const;
    return (await this.#request(call, changeSchema)).status === 'done';
  }

  async *#pages<Page extends { readonly nextPageToken?: string | undefined }>(
    call: Call,
    schema: z.ZodType<Page>,
    onRequest?: () => void,
  ): AsyncGenerator<Page> {
    let token: string | undefined;
    for (let count = 0; count < MAX_PAGES; count++) {
      const precedence = count === 0 ? call.precedence : 'next';
      onRequest?.();
      const page = await this.#request({ ...call, precedence, query: { ...call.query, pageToken: token } }, schema);
      yield page;
      token = page.nextPageToken;
      if (!token) return;
    }
    throw new CertmanError({
      code: 'dns/unexpected',
      message: `Google did not ${call.doing}: there is no end (${MAX_PAGES} pages).`,
    });
  }

  /** @throws CertmanError `dns/queued` when too many wait for their turn, else what Google answers. */
  async #request<Answer>(call: Call, schema: z.ZodType<Answer>): Promise<Answer> {
    // Before the turn: a key that Google refuses takes none from others.
    const token = await this.#tokens.get();
    await this.#rateLimiter.acquire(call.precedence);
    this.#onRequest?.('google-cloud-dns', call.action);
    try {
      return await this.#exchange(call, token, schema);
    } catch (error) {
      if (error instanceof CertmanError) this.#onFailure?.('google-cloud-dns', call.action, error.code);
      throw error;
    }
  }

  async #exchange<Answer>(call: Call, token: string, schema: z.ZodType<Answer>): Promise<Answer> {
    const { doing } = call;
    const { status, body, retryAfter } = await this.#send(call, token);
    if (status === 401) this.#tokens.invalidate();
    if (status < 200 || status > 299) {
      const problem = fromGoogleRefusal(doing, { status, body, retryAfter }, (part, index) =>
        normalizeName(call.body?.[part][index]?.name ?? ''),
      );
      if (problem.code === 'dns/throttled') this.#rateLimiter.backOff(1_000);
      throw problem;
    }
    const { data } = schema.safeParse(parseJson(body));
    if (data !== undefined) return data;
    throw new CertmanError({
      code: 'dns/unexpected',
      message: `Google's answer to ${call.action} is not in its documented form.`,
      outcomeUnknown: call.body === undefined ? undefined : true,
    });
  }

  async #send({ doing, path, query = {}, body }: Call, token: string) {
    const url = new URL(
      ['/dns/v1/projects', this.#projectId, 'managedZones', ...path]
        .map((part, at) => (at === 0 ? part : encodeURIComponent(part)))
        .join('/'),
      ORIGIN,
    );
    for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value);
    const limit = new TimeLimit(REQUEST_TIMEOUT_MS);
    try {
      const answer = await this.#connections.request({
        origin: ORIGIN,
        path: url.pathname + url.search,
        method: body === undefined ? 'GET' : 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'user-agent': this.#userAgent,
          accept: 'application/json',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        body: body === undefined ? null : JSON.stringify(body),
        signal: limit.signal,
      });
      const retryAfter = [answer.headers['retry-after']].flat()[0];
      return { status: answer.statusCode, body: await answer.body.text(), retryAfter };
    } catch (error) {
      throw unreachable(doing, error);
    } finally {
      limit.end();
    }
  }
}

function toRecordSet({ name, ttlSeconds, values }: TxtRecordSet): RecordSet {
  return { name: `${name}.`, type: 'TXT', ttl: ttlSeconds, rrdatas: values };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
