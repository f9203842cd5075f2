import { LRUCache } from 'lru-cache';
import { maxEntries } from '../cache/max-entries.ts';
import { addressPolicy, type Network } from '../network/public-address.ts';
import { resolveAllowed } from '../network/resolve-allowed.ts';
import { AuthoritativeServer, cachedAddresses, type ResolveServer } from './authoritative-server.ts';
import { createDohConnections, dohResolver } from './doh-resolver.ts';
import type { HostAndPort } from './host-and-port.ts';
import type { AliasSource, Resolver } from './txt-source.ts';

/** Servers that are queried before the resolvers: the zone's own, none, or these. */
export type AuthoritativeServers =
  | { readonly kind: 'auto' | 'off' }
  | { readonly kind: 'servers'; readonly servers: readonly HostAndPort[] };

/** Which servers and resolvers are queried. */
export interface DnsSourcesOptions {
  /** URLs of DoH resolvers (RFC 8484), at least one. */
  readonly resolvers: readonly string[];
  /** PEM certificates that the resolvers are trusted by; absent: Node's own. */
  readonly resolverCa?: string;
  readonly authoritative: AuthoritativeServers;
  /** Queried although they are not public, when the zone's own servers are there. Default: none. */
  readonly privateNetworks?: readonly Network[];
  /** Of a query to a resolver. */
  readonly timeoutMs?: number;
}

/** The resolvers, and the servers of zones, each with its connections and its circuit breaker. */
export class DnsSources {
  readonly resolvers: readonly Resolver[];
  readonly #authoritative: AuthoritativeServers;
  readonly #connections: ReturnType<typeof createDohConnections>;
  readonly #resolveServer: ResolveServer;
  readonly #servers = new LRUCache<string, AliasSource, HostAndPort>({
    ...maxEntries(5_000),
    memoMethod: (_key, _stale, { context }) => new AuthoritativeServer(context, this.#resolveServer),
  });

  constructor({ resolvers, resolverCa, authoritative, privateNetworks, timeoutMs }: DnsSourcesOptions) {
    this.#authoritative = authoritative;
    const isAllowed = addressPolicy(privateNetworks);
    // The zone's own servers are data: a DNSZone or a zone of another AWS account can name any host.
    this.#resolveServer = cachedAddresses(
      authoritative.kind === 'auto' ? async (host) => (await resolveAllowed(host, isAllowed))[0].address : undefined,
    );
    this.#connections = createDohConnections({ ca: resolverCa, timeoutMs });
    this.resolvers = resolvers.map((url) => dohResolver(url, this.#connections, timeoutMs));
  }

  /** Whether {@link serversOf} needs the names of a zone's servers. */
  get needsNameServers(): boolean {
    return this.#authoritative.kind === 'auto';
  }

  /** @param nameServers of the zone (host names), where they are needed. */
  serversOf(nameServers: readonly string[]): readonly AliasSource[] {
    const authoritative = this.#authoritative;
    if (authoritative.kind === 'off') return [];
    const addresses =
      authoritative.kind === 'servers' ? authoritative.servers : nameServers.map((host) => ({ host, port: 53 }));
    return addresses.map((address) => this.#servers.memo(`${address.host} ${address.port}`, { context: address }));
  }

  async close(): Promise<void> {
    await this.#connections.destroy();
  }
}
