import { LRUCache } from 'lru-cache';
import { normalizeName, type TxtRecord } from '../certificates/dns-name.ts';
import type { VerifyPropagationInput } from '../contract/activities.ts';
import { CertmanError } from '../failures/failure.ts';
import { addressPolicy, type Network } from '../network/public-address.ts';
import { resolveAllowed } from '../network/resolve-allowed.ts';
import { abortable } from './abortable.ts';
import { AuthoritativeServer, cachedAddresses, type ResolveServer } from './authoritative-server.ts';
import { createDohConnections, dohResolver } from './doh-resolver.ts';
import type { HostAndPort } from './host-and-port.ts';
import { combine, evaluateQuorum, observe, type Quorum, summarize, type TxtObservation } from './observation.ts';
import { coalesceQueries, queryFollowingCnames, type TxtSource } from './txt-source.ts';

const COALESCE_MS = 100;

/** Between checks of the zone's servers, growing by a factor of 1.3. */
const MIN_AUTHORITATIVE_RETRY_MS = 500;
const MAX_AUTHORITATIVE_RETRY_MS = 5_000;

/** Bounds of the time for which a resolver's cache keeps an answer, and the default where it does not say. */
const MIN_RETRY_SECONDS = 1;
const MAX_RETRY_SECONDS = 60;
const DEFAULT_RETRY_SECONDS = 5;

const UNREACHABLE_RETRY_MS = 10_000;

/** Servers that are queried before the resolvers: the zone's own, none, or these. */
export type AuthoritativeServers =
  | { readonly kind: 'auto' | 'off' }
  | { readonly kind: 'servers'; readonly servers: readonly HostAndPort[] };

/** Which servers and resolvers are queried, and how many must answer. */
export interface PropagationCheckOptions {
  /** URLs of DoH resolvers (RFC 8484), at least one. */
  readonly resolvers: readonly string[];
  /** PEM certificates that the resolvers are trusted by; absent: Node's own. */
  readonly resolverCa?: string;
  /** How many resolvers must see every value; default `majority`. */
  readonly quorum?: Quorum;
  readonly authoritative: AuthoritativeServers;
  /** Queried although they are not public, when the zone's own servers are there. Default: none. */
  readonly privateNetworks?: readonly Network[];
  /** Called once when the zone's servers cannot be reached from here. */
  readonly onWarning: (message: string) => void;
  /** Of a query to a resolver. */
  readonly timeoutMs?: number;
}

/** The records of one order, the zone that has them, and the attempt, from 1: later checks come at longer intervals. */
export interface PropagationRequest extends Pick<VerifyPropagationInput, 'records' | 'zoneName' | 'nameServers'> {
  readonly attempt: number;
}

/** Checks the zone's servers, then public resolvers. A failure says what each answers, and when a retry makes sense. */
export class PropagationCheck {
  readonly #options: PropagationCheckOptions;
  readonly #connections: ReturnType<typeof createDohConnections>;
  readonly #resolvers: readonly TxtSource[];
  readonly #resolveServer: ResolveServer;
  readonly #servers = new LRUCache<string, TxtSource, HostAndPort>({
    max: 5_000,
    memoMethod: (_key, _stale, { context }) =>
      coalesceQueries(new AuthoritativeServer(context, this.#resolveServer), COALESCE_MS),
  });
  #warned = false;

  constructor(options: PropagationCheckOptions) {
    this.#options = options;
    const { timeoutMs, privateNetworks } = options;
    const isAllowed = addressPolicy(privateNetworks);
    // The zone's own servers are data: a DNSZone or a zone of another AWS account can name any host.
    this.#resolveServer = cachedAddresses(
      options.authoritative.kind === 'auto'
        ? async (host) => (await resolveAllowed(host, isAllowed))[0].address
        : undefined,
    );
    this.#connections = createDohConnections({ ca: options.resolverCa, timeoutMs });
    this.#resolvers = options.resolvers.map((url) =>
      coalesceQueries(dohResolver(url, this.#connections, timeoutMs), COALESCE_MS),
    );
  }

  /** @returns those that see all. @throws CertmanError `dns/notVisible`; `dns/unreachable`: too few answer. */
  async verify(request: PropagationRequest, signal: AbortSignal): Promise<readonly string[]> {
    const wanted = valuesByName(request.records);
    const servers = this.#serversOf(request.nameServers);
    const own = await observeAll(servers, wanted, signal);
    if (own.some(({ kind }) => kind === 'missing')) {
      const delayMs = Math.min(MIN_AUTHORITATIVE_RETRY_MS * 1.3 ** (request.attempt - 1), MAX_AUTHORITATIVE_RETRY_MS);
      throw notVisible(`the zone's own servers do not have all of it yet (${summarize(own)})`, wanted, delayMs);
    }
    const confirmedBy = own.filter(({ kind }) => kind === 'seen').map(({ by }) => by);
    if (servers.length > 0 && confirmedBy.length === 0) this.#warnOnce(request.zoneName, own);

    const observations = await observeAll(this.#resolvers, wanted, signal);
    const result = evaluateQuorum(observations, this.#options.quorum ?? 'majority');
    switch (result.kind) {
      case 'visible':
        return [...confirmedBy, ...result.seenBy];
      case 'notVisible': {
        const seconds = Math.max(result.retrySeconds ?? DEFAULT_RETRY_SECONDS, MIN_RETRY_SECONDS);
        throw notVisible(summarize(observations), wanted, Math.min(seconds, MAX_RETRY_SECONDS) * 1_000);
      }
      case 'undecided':
        throw new CertmanError({
          code: 'dns/unreachable',
          message: `Too few DNS-over-HTTPS resolvers answer whether the TXT records are visible: ${summarize(observations)}.`,
          remedy: 'It is retried; CERTMAN_DOH_RESOLVERS sets resolvers that can be reached from here.',
          notBefore: new Date(Date.now() + UNREACHABLE_RETRY_MS),
        });
    }
  }

  async close(): Promise<void> {
    await this.#connections.destroy();
  }

  #serversOf(nameServers: readonly string[]): readonly TxtSource[] {
    const { authoritative } = this.#options;
    if (authoritative.kind === 'off') return [];
    const addresses =
      authoritative.kind === 'servers' ? authoritative.servers : nameServers.map((host) => ({ host, port: 53 }));
    return addresses.map((address) => this.#servers.memo(`${address.host} ${address.port}`, { context: address }));
  }

  #warnOnce(zoneName: string, own: readonly TxtObservation[]): void {
    if (this.#warned) return;
    this.#warned = true;
    this.#options.onWarning(
      `The name servers of ${zoneName} cannot be reached from here (${summarize(own)}), so DNS over HTTPS alone decides when TXT records are visible. CERTMAN_AUTHORITATIVE_SERVERS=off accepts that.`,
    );
  }
}

function valuesByName(records: readonly TxtRecord[]): ReadonlyMap<string, readonly string[]> {
  const names = Map.groupBy(records, ({ name }) => normalizeName(name));
  return new Map([...names].map(([name, of]) => [name, [...new Set(of.map(({ value }) => value))]]));
}

function observeAll(
  sources: readonly TxtSource[],
  wanted: ReadonlyMap<string, readonly string[]>,
  signal: AbortSignal,
): Promise<readonly TxtObservation[]> {
  const observations = sources.map(async (source) => {
    const ofNames = [...wanted].map(async ([name, values]) =>
      observe(source.name, name, values, await queryFollowingCnames(source, name)),
    );
    return combine(source.name, await Promise.all(ofNames));
  });
  return abortable(Promise.all(observations), signal);
}

function notVisible(what: string, wanted: ReadonlyMap<string, readonly string[]>, delayMs: number): CertmanError {
  const [first, ...others] = wanted.keys();
  return new CertmanError({
    code: 'dns/notVisible',
    message: `The TXT records of ${first ?? 'nothing'}${others.length === 0 ? '' : ` and ${others.length} more`} are not visible yet: ${what}.`,
    remedy: 'It is checked again.',
    notBefore: new Date(Date.now() + delayMs),
  });
}
