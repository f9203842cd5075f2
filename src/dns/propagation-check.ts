/**
 * Whether published TXT values are visible to the world: first to the servers of the zone, then to public resolvers.
 * One look; what is not visible yet is a failure that says who sees what, and when looking again makes sense.
 */
import { LRUCache } from 'lru-cache';
import { normalizeName, type TxtRecord } from '../certificates/dns-name.ts';
import { CertmanError } from '../failures/failure.ts';
import { abortable } from './abortable.ts';
import { AuthoritativeServer } from './authoritative-server.ts';
import type { TxtResponse } from './dns-message.ts';
import { createDohConnections, type DohOptions, DohResolver } from './doh-resolver.ts';
import type { HostAndPort } from './host-and-port.ts';
import { evaluateQuorum, type Quorum, type TxtObservation } from './quorum.ts';
import { coalesceQueries, queryFollowingCnames, type TxtSource } from './txt-source.ts';

/** Questions to one server that are so close together share an answer. */
const COALESCE_MS = 100;

/** The zone's servers are asked again after this long, and ever less often. */
const MIN_AUTHORITATIVE_RETRY_MS = 500;
const MAX_AUTHORITATIVE_RETRY_MS = 5_000;

/** Bounds of what a resolver says about how long it will go on saying so. */
const MIN_RETRY_SECONDS = 1;
const MAX_RETRY_SECONDS = 60;
/** When it does not say. */
const DEFAULT_RETRY_SECONDS = 5;

const UNREACHABLE_RETRY_MS = 10_000;
const MAX_SUMMARY_LENGTH = 700;

/** Servers that are queried before the resolvers: the zone's own, none, or these. */
export type AuthoritativeServers =
  | { readonly kind: 'auto' | 'off' }
  | { readonly kind: 'servers'; readonly servers: readonly HostAndPort[] };

export interface PropagationCheckOptions {
  /** URLs of DoH resolvers (RFC 8484), at least one. */
  readonly resolvers: readonly string[];
  /** PEM certificates that the resolvers are trusted by; absent: Node's own. */
  readonly resolverCa?: string;
  /** How many resolvers must see every value; default `majority`. */
  readonly quorum?: Quorum;
  readonly authoritative: AuthoritativeServers;
  /** Told, once, that the zone's servers cannot be asked from here. */
  readonly onWarning: (message: string) => void;
  readonly timeoutMs?: number;
}

export interface PropagationRequest {
  readonly records: readonly TxtRecord[];
  readonly zoneName: string;
  readonly nameServers: readonly string[];
  /** 1 for the first look; later looks come at longer intervals. */
  readonly attempt: number;
}

export class PropagationCheck {
  readonly #options: PropagationCheckOptions;
  readonly #connections: ReturnType<typeof createDohConnections>;
  readonly #resolvers: readonly TxtSource[];
  readonly #servers = new LRUCache<string, TxtSource, HostAndPort>({
    max: 5_000,
    memoMethod: (_key, _stale, { context }) => coalesceQueries(new AuthoritativeServer(context), COALESCE_MS),
  });
  #noticed = false;

  constructor(options: PropagationCheckOptions) {
    this.#options = options;
    const doh: DohOptions = {
      ...(options.resolverCa === undefined ? {} : { ca: options.resolverCa }),
      ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
    };
    this.#connections = createDohConnections(doh);
    this.#resolvers = options.resolvers.map((url) =>
      coalesceQueries(new DohResolver(url, this.#connections, doh), COALESCE_MS),
    );
  }

  /** Whether somebody must find out the zone's name servers. */
  get needsNameServers(): boolean {
    return this.#options.authoritative.kind === 'auto';
  }

  /**
   * @returns who sees every value.
   * @throws CertmanError `dns/notVisible` with who sees what, `dns/unreachable` when too few resolvers can be asked.
   */
  async verify(question: PropagationRequest, signal: AbortSignal): Promise<readonly string[]> {
    const wanted = valuesByName(question.records);
    const servers = this.#serversOf(question.nameServers);
    const own = await observeAll(servers, wanted, signal);
    const ownMisses = own.filter((sighting) => sighting.kind === 'missing');
    if (ownMisses.length > 0) {
      const delay = MIN_AUTHORITATIVE_RETRY_MS * 1.3 ** (question.attempt - 1);
      throw notVisible(
        `the zone's own servers do not have all of it yet (${summarize(own)})`,
        wanted,
        Math.min(delay, MAX_AUTHORITATIVE_RETRY_MS),
      );
    }
    const confirmedBy = own.filter((sighting) => sighting.kind === 'seen').map((sighting) => sighting.by);
    if (servers.length > 0 && confirmedBy.length === 0) this.#notice(question.zoneName, own);

    const sightings = await observeAll(this.#resolvers, wanted, signal);
    const verdict = evaluateQuorum(sightings, this.#options.quorum ?? 'majority');
    switch (verdict.kind) {
      case 'visible':
        return [...confirmedBy, ...verdict.seenBy];
      case 'notVisible': {
        const seconds = Math.max(verdict.retrySeconds ?? DEFAULT_RETRY_SECONDS, MIN_RETRY_SECONDS);
        throw notVisible(summarize(sightings), wanted, Math.min(seconds, MAX_RETRY_SECONDS) * 1_000);
      }
      case 'undecided':
        throw new CertmanError({
          code: 'dns/unreachable',
          message: `Too few DNS-over-HTTPS resolvers can be asked whether the TXT records are visible: ${summarize(sightings)}.`,
          remedy: 'It is tried again; resolvers that can be reached from here are set by CERTMAN_DOH_RESOLVERS.',
          notBefore: new Date(Date.now() + UNREACHABLE_RETRY_MS),
        });
    }
  }

  /** Ends the connections to the resolvers. */
  async close(): Promise<void> {
    await this.#connections.destroy();
  }

  #serversOf(nameServers: readonly string[]): readonly TxtSource[] {
    const { authoritative } = this.#options;
    if (authoritative.kind === 'off') return [];
    const places =
      authoritative.kind === 'servers' ? authoritative.servers : nameServers.map((host) => ({ host, port: 53 }));
    return places.map((place) => this.#servers.memo(`${place.host} ${place.port}`, { context: place }));
  }

  #notice(zoneName: string, own: readonly TxtObservation[]): void {
    if (this.#noticed) return;
    this.#noticed = true;
    this.#options.onWarning(
      `The name servers of ${zoneName} cannot be asked from here (${summarize(own)}), so DNS over HTTPS alone decides when TXT records are visible. CERTMAN_AUTHORITATIVE_SERVERS=off says that this is as it should be.`,
    );
  }
}

function valuesByName(records: readonly TxtRecord[]): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, string[]>();
  for (const record of records) {
    const name = normalizeName(record.name);
    const values = names.get(name);
    if (values === undefined) names.set(name, [record.value]);
    else if (!values.includes(record.value)) values.push(record.value);
  }
  return names;
}

/** What each source says of all names together. */
function observeAll(
  sources: readonly TxtSource[],
  wanted: ReadonlyMap<string, readonly string[]>,
  signal: AbortSignal,
): Promise<readonly TxtObservation[]> {
  const lookAt = async (source: TxtSource): Promise<TxtObservation> => {
    const replies = await Promise.all(
      [...wanted].map(async ([name, values]) =>
        observationOf(source.name, name, values, await queryFollowingCnames(source, name)),
      ),
    );
    const missing = replies.filter((reply) => reply.kind === 'missing');
    const silent = replies.find((reply) => reply.kind === 'silent');
    if (missing.length === 0) return silent ?? { by: source.name, kind: 'seen' };
    return {
      by: source.name,
      kind: 'missing',
      saw: missing.map((reply) => reply.saw).join(', '),
      retrySeconds: Math.max(...missing.map((reply) => reply.retrySeconds ?? 0)),
    };
  };
  return abortable(Promise.all(sources.map(lookAt)), signal);
}

function observationOf(by: string, name: string, values: readonly string[], reply: TxtResponse): TxtObservation {
  switch (reply.kind) {
    case 'silent':
      return { by, kind: 'silent', why: reply.why };
    case 'alias':
      return { by, kind: 'silent', why: `it knows ${name} only as an alias of ${reply.target}` };
    case 'absent':
      return {
        by,
        kind: 'missing',
        saw: `no TXT at ${name}`,
        ...(reply.ttlSeconds === undefined ? {} : { retrySeconds: reply.ttlSeconds }),
      };
    case 'values': {
      const absent = values.filter((value) => !reply.values.includes(value)).length;
      if (absent === 0) return { by, kind: 'seen' };
      const others = reply.values.length - (values.length - absent);
      return {
        by,
        kind: 'missing',
        saw: `${absent} of ${values.length} values missing at ${name}, ${others} other there`,
        retrySeconds: reply.ttlSeconds,
      };
    }
  }
}

function summarize(sightings: readonly TxtObservation[]): string {
  const told = sightings.map((sighting) => {
    switch (sighting.kind) {
      case 'seen':
        return `${sighting.by} sees all`;
      case 'missing':
        return `${sighting.by}: ${sighting.saw}`;
      case 'silent':
        return `${sighting.by}: ${sighting.why}`;
    }
  });
  const text = told.join('; ');
  return text.length > MAX_SUMMARY_LENGTH ? `${text.slice(0, MAX_SUMMARY_LENGTH)}…` : text;
}

function notVisible(what: string, wanted: ReadonlyMap<string, readonly string[]>, delayMs: number): CertmanError {
  const [first, ...others] = wanted.keys();
  return new CertmanError({
    code: 'dns/notVisible',
    message: `The TXT records of ${first ?? 'nothing'}${others.length === 0 ? '' : ` and ${others.length} more`} are not visible yet: ${what}.`,
    remedy: 'It is looked at again by itself.',
    notBefore: new Date(Date.now() + delayMs),
  });
}
