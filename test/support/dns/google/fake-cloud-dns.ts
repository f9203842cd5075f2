/**
 * A fake of Google Cloud DNS and of Google's token endpoint, since neither has an emulator that can be installed. It checks
 * each request against Google's description of the API, tokens by their signature, and obeys the rules of changes.create:
 * a change is carried out whole or not at all, an addition needs absence, a deletion exactly what is there.
 */
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { FakeService, type Refusal } from '../fake-service.ts';
import { describeRequest } from './api-description.ts';

export interface RecordSet {
  readonly name: string;
  readonly type: string;
  readonly ttl: number;
  readonly rrdatas: readonly string[];
}

export interface FakeZone {
  readonly dnsName: string;
  readonly visibility?: 'public' | 'private';
  readonly sets: RecordSet[];
  readonly changes: { readonly id: string; status: 'pending' | 'done' }[];
}

export interface CloudDnsRequest {
  readonly method: string;
  readonly body: { readonly additions?: readonly RecordSet[]; readonly deletions?: readonly RecordSet[] };
  readonly userAgent: string | undefined;
  readonly path: Readonly<Record<string, string>>;
}

const [PROJECT, EMAIL] = ['certman-test', 'certman@certman-test.iam.gserviceaccount.com'];
const NAME_SERVERS = ['ns-cloud-a1.googledomains.com.', 'ns-cloud-a2.googledomains.com.'];
const KEY_PAIR = generateKeyPairSync('rsa', { modulusLength: 2048 });

/** The key file of the service account that the fake knows. */
export const KEY_FILE = {
  type: 'service_account',
  project_id: PROJECT,
  private_key_id: 'k1',
  private_key: KEY_PAIR.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  client_email: EMAIL,
  client_id: '1',
  auth_uri: 'https://accounts.google.com/o/oauth2/auth',
  token_uri: 'https://oauth2.googleapis.com/token',
  universe_domain: 'googleapis.com',
};

export class FakeCloudDns extends FakeService<CloudDnsRequest> {
  readonly zones = new Map<string, FakeZone>();
  beforeChange: () => void = () => undefined;
  /** Of new changes. */
  changeStatus: 'pending' | 'done' = 'done';

  addZone(name: string, dnsName: string, visibility: 'public' | 'private' = 'public'): FakeZone {
    const zone: FakeZone = { dnsName: `${dnsName}.`, visibility, sets: [], changes: [] };
    this.zones.set(name, zone);
    return zone;
  }

  /** The TXT values of a zone, by name without its trailing dot. */
  txtOf(zone: string): Readonly<Record<string, readonly string[]>> {
    const sets = this.zones.get(zone)?.sets ?? [];
    return Object.fromEntries(
      sets.filter(({ type }) => type === 'TXT').map(({ name, rrdatas }) => [name.slice(0, -1), rrdatas]),
    );
  }

  counts(): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const { method } of this.requests) counts[method] = (counts[method] ?? 0) + 1;
    return counts;
  }

  protected override answerTo(request: IncomingMessage, sent: string): Refusal | 'cut' {
    const { host = '' } = request.headers;
    if (host === 'oauth2.googleapis.com') return this.#answerToken(request, sent);
    if (host !== 'dns.googleapis.com') throw new Error(`request to ${host}`);
    const url = new URL(request.url ?? '', `https://${host}`);
    const body: unknown = sent === '' ? undefined : JSON.parse(sent);
    const described = describeRequest(request.method ?? '', url, body);
    const { method, path } = described;
    const seen: CloudDnsRequest = { method, path, body: body ?? {}, userAgent: request.headers['user-agent'] };
    const refusal = this.seen(seen);
    if (refusal !== undefined) return refusal;
    if (request.headers.authorization !== `Bearer token-${this.tokens}`) {
      return problem(401, 'authError', 'Invalid Credentials');
    }
    const made = this.#answerOf(seen, url.searchParams);
    if (made.status === 200) described.checkAnswer(made.body);
    return made;
  }

  #answerToken(request: IncomingMessage, sent: string): Refusal {
    if (request.method !== 'POST' || request.url !== '/token') throw new Error(`no ${request.method} ${request.url}`);
    const refusal = this.refuseToken();
    if (refusal !== undefined) return refusal;
    const form = new URLSearchParams(sent);
    const [head = '', claims = '', signature = ''] = (form.get('assertion') ?? '').split('.');
    const decode = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;
    const { iss, aud, scope, iat, exp } = decode(claims);
    const isSigned = verify(
      'RSA-SHA256',
      Buffer.from(`${head}.${claims}`),
      createPublicKey(KEY_PAIR.publicKey.export({ type: 'spki', format: 'pem' })),
      Buffer.from(signature, 'base64url'),
    );
    const isValid =
      form.get('grant_type') === 'urn:ietf:params:oauth:grant-type:jwt-bearer' &&
      decode(head)['alg'] === 'RS256' &&
      aud === 'https://oauth2.googleapis.com/token' &&
      scope === 'https://www.googleapis.com/auth/ndev.clouddns.readwrite' &&
      Number(exp) - Number(iat) <= 3_600;
    if (!isValid) throw new Error(`no valid assertion: ${JSON.stringify(decode(claims))}`);
    if (iss !== EMAIL || !isSigned) {
      const body = { error: 'invalid_grant', error_description: 'Invalid JWT Signature.' };
      return { status: 400, body };
    }
    const body = { access_token: `token-${++this.tokens}`, expires_in: 3_599, token_type: 'Bearer' };
    return { status: 200, body };
  }

  #answerOf({ method, path, body }: CloudDnsRequest, query: URLSearchParams): Refusal {
    if (path['project'] !== PROJECT) return problem(403, 'forbidden', 'Forbidden');
    const page = (items: readonly unknown[], field: string): Refusal => {
      const start = Number(query.get('pageToken') ?? 0);
      const end = start + this.pageSize;
      const next = end < items.length ? { nextPageToken: String(end) } : {};
      return { status: 200, body: { kind: 'dns#list', [field]: items.slice(start, end), ...next } };
    };
    if (method === 'dns.managedZones.list') return page([...this.zones].map(toManagedZone), 'managedZones');
    const name = path['managedZone'] ?? '';
    const zone = this.zones.get(name);
    if (zone === undefined) {
      return problem(404, 'notFound', `The 'parameters.managedZone' resource named '${name}' does not exist.`);
    }
    switch (method) {
      case 'dns.managedZones.get':
        return { status: 200, body: toManagedZone([name, zone]) };
      case 'dns.resourceRecordSets.list': {
        const [wanted, type] = [query.get('name'), query.get('type')];
        const matching = zone.sets.filter(
          (set) => (wanted === null || set.name === wanted) && (type === null || set.type === type),
        );
        return page(matching, 'rrsets');
      }
      case 'dns.changes.get': {
        const change = zone.changes.find(({ id }) => id === path['changeId']);
        return change === undefined
          ? problem(404, 'notFound', 'No such change.')
          : { status: 200, body: { ...change } };
      }
      default:
        this.beforeChange();
        return this.#change(zone, body);
    }
  }

  #change(zone: FakeZone, { additions = [], deletions = [] }: CloudDnsRequest['body']): Refusal {
    const after = [...zone.sets];
    const isSame = (a: RecordSet, b: RecordSet) => a.name === b.name && a.type === b.type;
    for (const [at, deletion] of deletions.entries()) {
      const where = `'entity.change.deletions[${at}]'`;
      const found = after.findIndex((set) => isSame(set, deletion));
      const there = after[found];
      if (there === undefined) {
        return problem(404, 'notFound', `The ${where} resource named '${deletion.name} (TXT)' does not exist.`);
      }
      if (there.ttl !== deletion.ttl || String(there.rrdatas.toSorted()) !== String(deletion.rrdatas.toSorted())) {
        return problem(412, 'conditionNotMet', `Precondition not met for ${where}`);
      }
      after.splice(found, 1);
    }
    for (const [at, addition] of additions.entries()) {
      const where = `'entity.change.additions[${at}]'`;
      if (after.some((set) => isSame(set, addition))) {
        return problem(409, 'alreadyExists', `The resource ${where} named '${addition.name} (TXT)' already exists`);
      }
      if (after.some(({ name, type }) => name === addition.name && type === 'CNAME')) {
        const message = `The resource record set ${where} is invalid because a CNAME record cannot be with others.`;
        return problem(400, 'cnameResourceRecordSetConflict', message);
      }
      after.push({ ...addition, rrdatas: addition.rrdatas.toSorted() });
    }
    zone.sets.splice(0, zone.sets.length, ...after);
    const change = { id: String(zone.changes.length + 1), status: this.changeStatus };
    zone.changes.push(change);
    return {
      status: 200,
      body: { kind: 'dns#change', additions, deletions, startTime: '2026-11-29T00:00:00Z', ...change },
    };
  }
}

function toManagedZone([name, { dnsName, visibility }]: readonly [string, FakeZone]) {
  return { kind: 'dns#managedZone', name, dnsName, description: '', id: '1', nameServers: NAME_SERVERS, visibility };
}

/** An error as Google's APIs write it. */
export function problem(status: number, reason: string, message: string): Refusal {
  return { status, body: { error: { code: status, message, errors: [{ domain: 'global', reason, message }] } } };
}
