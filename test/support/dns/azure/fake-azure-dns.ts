/**
 * A fake of Azure DNS (REST API 2018-05-01) and of Microsoft Entra's token endpoint, since neither has an emulator that can be
 * installed. Requests come from Azure's own SDK; the fake refuses every path, parameter and header that it does not know,
 * and obeys the rules of If-Match and If-None-Match.
 */
import type { IncomingMessage } from 'node:http';
import { FakeService, type Refusal } from '../fake-service.ts';

export interface AzureRecordSet {
  readonly etag: string;
  readonly properties: {
    readonly TTL: number;
    readonly metadata?: Readonly<Record<string, string>>;
    readonly TXTRecords: readonly { readonly value: readonly string[] }[];
  };
}

export interface AzureZone {
  readonly resourceGroup: string;
  readonly zoneType: 'Public' | 'Private';
  /** By relative name. */
  readonly sets: Map<string, AzureRecordSet>;
}

export interface AzureRequest {
  readonly method: string;
  readonly path: string;
  readonly zone: string | undefined;
  readonly name: string | undefined;
  /** All record sets of the zone. */
  readonly lists: boolean;
  readonly headers: IncomingMessage['headers'];
}

/** The service principal that the fake knows. */
export const SERVICE_PRINCIPAL = {
  subscriptionId: '11111111-1111-4111-8111-111111111111',
  tenantId: '22222222-2222-4222-8222-222222222222',
  clientId: '33333333-3333-4333-8333-333333333333',
  clientSecret: 'SECRET~of.the-principal',
};

const NAME_SERVERS = ['ns1-01.azure-dns.com.', 'ns2-01.azure-dns.net.'];
const API_VERSION = '2018-05-01';

export class FakeAzureDns extends FakeService<AzureRequest> {
  readonly zones = new Map<string, AzureZone>();
  /** Hosts that were asked for tokens, and for zones. */
  readonly hosts = new Set<string>();
  beforeWrite: () => void = () => undefined;
  #etags = 0;

  addZone(name: string, resourceGroup = 'dns', zoneType: AzureZone['zoneType'] = 'Public'): AzureZone {
    const zone: AzureZone = { resourceGroup, zoneType, sets: new Map() };
    this.zones.set(name, zone);
    return zone;
  }

  /** Writes a record set as another program would. */
  putTxt(zone: AzureZone, name: string, values: readonly string[], parts: object = {}): void {
    const TXTRecords = values.map((value) => ({ value: [value] }));
    zone.sets.set(name, { etag: `e${++this.#etags}`, properties: { TTL: 3_600, TXTRecords, ...parts } });
  }

  /** The TXT values of a zone, by relative name. */
  txtOf(name: string): Readonly<Record<string, readonly string[]>> {
    const sets = [...(this.zones.get(name)?.sets ?? [])];
    return Object.fromEntries(
      sets.map(([relative, { properties }]) => [relative, properties.TXTRecords.map(({ value }) => value.join(''))]),
    );
  }

  counts(): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const { method, name, lists } of this.requests) {
      const kind = `${method} ${lists ? 'sets' : name === undefined ? 'zone' : 'set'}`;
      counts[kind] = (counts[kind] ?? 0) + 1;
    }
    return counts;
  }

  protected override answerTo(request: IncomingMessage, sent: string): Refusal | 'cut' {
    const { host = '', authorization } = request.headers;
    const url = new URL(request.url ?? '', `https://${host}`);
    this.hosts.add(host);
    if (host.startsWith('login.')) return this.#answerToken(request, url, sent);
    if (!host.startsWith('management.')) throw new Error(`request to ${host}`);
    const { subscriptionId } = SERVICE_PRINCIPAL;
    const [, ours = '', group, zoneName, type, name] =
      /^\/subscriptions\/([^/]+)(?:\/resourceGroups\/([^/]+))?\/providers\/Microsoft\.Network\/dnszones(?:\/([^/]+)(?:\/(TXT)(?:\/([^/]+))?)?)?$/i.exec(
        url.pathname,
      ) ?? [];
    const versions = url.searchParams.getAll('api-version');
    if (ours === '' || String(versions) !== API_VERSION) throw new Error(`no ${request.method} ${url.href}`);
    const seen: AzureRequest = {
      method: request.method ?? '',
      path: url.pathname,
      zone: zoneName && decodeURIComponent(zoneName),
      name: name && decodeURIComponent(name),
      lists: type !== undefined && name === undefined,
      headers: request.headers,
    };
    const refusal = this.seen(seen);
    if (refusal !== undefined) return refusal;
    if (authorization !== `Bearer token-${this.tokens}`) return problem(401, 'InvalidToken', 'No.');
    if (ours !== subscriptionId) return problem(403, 'AuthorizationFailed', 'Not yours.');
    return this.#answerOf(seen, group && decodeURIComponent(group), url, sent);
  }

  #answerToken(request: IncomingMessage, url: URL, sent: string): Refusal {
    const { tenantId, clientId, clientSecret } = SERVICE_PRINCIPAL;
    const base = `https://${url.host}/${tenantId}`;
    if (url.pathname === `/${tenantId}/v2.0/.well-known/openid-configuration`) {
      const body = {
        issuer: `${base}/v2.0`,
        authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
        token_endpoint: `${base}/oauth2/v2.0/token`,
        jwks_uri: `${base}/discovery/v2.0/keys`,
      };
      return { status: 200, body };
    }
    if (request.method !== 'POST' || url.pathname !== `/${tenantId}/oauth2/v2.0/token`) {
      throw new Error(`no ${request.method} ${url.href}`);
    }
    const refusal = this.refuseToken();
    if (refusal !== undefined) return refusal;
    const form = new URLSearchParams(sent);
    if (form.get('grant_type') !== 'client_credentials') throw new Error('another grant');
    if (!/^https:\/\/management\.[\w.]+\/\.default( |$)/.test(form.get('scope') ?? ''))
      throw new Error('another scope');
    if (form.get('client_id') !== clientId || form.get('client_secret') !== clientSecret) {
      const error_description =
        'AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1\r\nCorrelation ID: 2\r\nTimestamp: 3';
      return { status: 401, body: { error: 'invalid_client', error_description } };
    }
    const body = { token_type: 'Bearer', expires_in: 3_599, access_token: `token-${++this.tokens}` };
    return { status: 200, body };
  }

  #answerOf(
    { method, zone: zoneName, name, lists, headers }: AzureRequest,
    group: string | undefined,
    url: URL,
    sent: string,
  ): Refusal {
    const isIn = ({ resourceGroup }: AzureZone) => group === undefined || resourceGroup === group;
    if (zoneName === undefined) {
      return this.#page([...this.zones].filter(([, zone]) => isIn(zone)).map(toZone), url);
    }
    const zone = this.zones.get(zoneName);
    if (zone === undefined || !isIn(zone)) {
      const code = name === undefined ? 'ResourceNotFound' : 'ParentResourceNotFound';
      return problem(404, code, `The Resource 'Microsoft.Network/dnszones/${zoneName}' was not found.`);
    }
    if (lists) {
      const sets = [...zone.sets].map(([relative, set]) => ({ name: relative, ...set }));
      return this.#page(sets, url);
    }
    if (name === undefined) return { status: 200, body: toZone([zoneName, zone]) };
    const set = zone.sets.get(name);
    if (method === 'GET') {
      return set === undefined
        ? problem(404, 'NotFound', `The resource record '${name}' does not exist.`)
        : { status: 200, body: { name, ...set } };
    }
    this.beforeWrite();
    const there = zone.sets.get(name);
    const { 'if-match': match, 'if-none-match': noneMatch } = headers;
    if (match === undefined && noneMatch !== '*') throw new Error(`${method} of ${name} without a condition`);
    if ((noneMatch === '*' && there !== undefined) || (match !== undefined && match !== there?.etag)) {
      return problem(412, 'PreconditionFailed', 'The condition was not met.');
    }
    if (method === 'DELETE') {
      zone.sets.delete(name);
      return { status: 200 };
    }
    const { properties } = JSON.parse(sent) as AzureRecordSet;
    if (!(properties.TTL > 0) || properties.TXTRecords.some(({ value }) => value.some((part) => part.length > 255))) {
      return problem(400, 'BadRequest', 'The record set is invalid.');
    }
    const written = { etag: `e${++this.#etags}`, properties };
    zone.sets.set(name, written);
    return { status: there === undefined ? 201 : 200, body: { name, ...written } };
  }

  #page(all: readonly unknown[], url: URL): Refusal {
    const start = Number(url.searchParams.get('$skipToken') ?? 0);
    const next = new URL(url);
    next.searchParams.set('$skipToken', String(start + this.pageSize));
    const nextLink = start + this.pageSize < all.length ? { nextLink: next.href } : {};
    return { status: 200, body: { value: all.slice(start, start + this.pageSize), ...nextLink } };
  }
}

function toZone([name, { resourceGroup, zoneType }]: readonly [string, AzureZone]) {
  const { subscriptionId } = SERVICE_PRINCIPAL;
  const id = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.Network/dnszones/${name}`;
  return { id, name, location: 'global', properties: { zoneType, nameServers: NAME_SERVERS } };
}

/** An error as Azure Resource Manager writes it. */
export function problem(status: number, code: string, message: string): Refusal {
  return { status, body: { error: { code, message } } };
}
