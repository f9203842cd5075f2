import type { LookupAddress } from 'node:dns';
import { createDohConnections, dohExchange } from './doh-resolver.ts';
import { cachedView, type PublicView } from './public-dns.ts';
import type { Lookup } from './record-lookup.ts';

const TIMEOUT_MS = 3_000;

/** `EAI_AGAIN`: no resolver answers. `ENOTFOUND`: public DNS has no address of the host. Codes as Node's look-ups have. */
export class AddressLookupError extends Error {
  readonly code: 'EAI_AGAIN' | 'ENOTFOUND';

  /** @param why a clause. */
  constructor(code: AddressLookupError['code'], why: string) {
    super(why);
    this.name = 'AddressLookupError';
    this.code = code;
  }
}

/** Where the addresses are looked up. */
export interface PublicAddressesOptions {
  /** URLs of DoH resolvers (RFC 8484), at least one; the first that answers counts. */
  readonly resolvers: readonly string[];
  /** PEM certificates that the resolvers are trusted by; absent: Node's own. */
  readonly resolverCa?: string | undefined;
}

/** Addresses of hosts as public DNS has them, whatever the DNS of this network says. */
export class PublicAddresses {
  readonly #connections: ReturnType<typeof createDohConnections>;
  readonly #views: readonly PublicView[];

  constructor({ resolvers, resolverCa }: PublicAddressesOptions) {
    this.#connections = createDohConnections({ ca: resolverCa, timeoutMs: TIMEOUT_MS });
    this.#views = resolvers.map((url) => cachedView(dohExchange(url, this.#connections, TIMEOUT_MS)));
  }

  /** @throws AddressLookupError */
  of(host: string): Promise<readonly LookupAddress[]> {
    return addressesOf(host, this.#views);
  }

  async close(): Promise<void> {
    await this.#connections.destroy();
  }
}

/** The addresses, at least one, by the first resolver that knows. @throws AddressLookupError */
export async function addressesOf(host: string, resolvers: readonly PublicView[]): Promise<readonly LookupAddress[]> {
  const unanswered: string[] = [];
  for (const resolver of resolvers) {
    // Nearly every cluster has IPv4.
    const ipv4 = await resolver.lookUp(host, 'A');
    const found = ipv4.kind === 'absent' ? await resolver.lookUp(host, 'AAAA') : ipv4;
    if (found.kind === 'records') return addressesIn(found);
    if (found.kind === 'absent') throw new AddressLookupError('ENOTFOUND', `public DNS has no address of ${host}`);
    unanswered.push(`${resolver.name}: ${found.why}`);
  }
  throw new AddressLookupError('EAI_AGAIN', `no resolver knows the address of ${host} (${unanswered.join('; ')})`);
}

function addressesIn({ records }: Extract<Lookup, { readonly kind: 'records' }>): readonly LookupAddress[] {
  return records.flatMap((record) => {
    if (record.type === 'A') return [{ address: record.data, family: 4 }];
    return record.type === 'AAAA' ? [{ address: record.data, family: 6 }] : [];
  });
}
