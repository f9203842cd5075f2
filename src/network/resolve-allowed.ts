import type { LookupAddress } from 'node:dns';
import { Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { AddressPolicy } from './public-address.ts';

/** A host that has no address that the policy allows. `code` as Node's errors have. */
export class AddressRefusedError extends Error {
  static readonly code = 'ERR_ADDRESS_REFUSED';
  readonly code = AddressRefusedError.code;

  constructor(host: string, addresses: readonly LookupAddress[]) {
    const found = addresses.slice(0, 3).map(({ address }) => address);
    super(`${host} has no public address (${found.join(', ')})`);
    this.name = 'AddressRefusedError';
  }
}

/** Finds the addresses of a host name. @throws an error with a `code`. */
export type ResolveHost = (hostname: string) => Promise<readonly LookupAddress[]>;

// Not `dns.lookup`: a name server that never answers would occupy threads that file access and signatures need.
const resolver = new Resolver({ timeout: 2_000, tries: 2 });

/** Resolves a host name by DNS alone: neither the hosts file nor search domains count. */
async function resolveByDns(hostname: string): Promise<readonly LookupAddress[]> {
  const [ipv4, ipv6] = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
  const addresses = [
    ...(ipv4.status === 'fulfilled' ? ipv4.value.map((address) => ({ address, family: 4 })) : []),
    ...(ipv6.status === 'fulfilled' ? ipv6.value.map((address) => ({ address, family: 6 })) : []),
  ];
  if (addresses.length === 0 && ipv4.status === 'rejected') throw ipv4.reason;
  return addresses;
}

/** The addresses of a host (a name or an address) that the policy allows. @throws AddressRefusedError when it has none. */
export async function resolveAllowed(
  hostname: string,
  isAllowed: AddressPolicy,
  resolve: ResolveHost = resolveByDns,
): Promise<readonly [LookupAddress, ...LookupAddress[]]> {
  const family = isIP(hostname);
  const found = family === 0 ? await resolve(hostname) : [{ address: hostname, family }];
  const [first, ...more] = found.filter(({ address }) => isAllowed(address));
  if (first === undefined) throw new AddressRefusedError(hostname, found);
  return [first, ...more];
}
