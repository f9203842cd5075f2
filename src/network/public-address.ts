import { BlockList, isIP } from 'node:net';

/** A network: an address and the length of its prefix. */
export interface Network {
  readonly address: string;
  readonly family: 'ipv4' | 'ipv6';
  readonly prefix: number;
}

/** Not globally reachable, or multicast (IANA IPv4 Special-Purpose Address Registry, RFC 6890; RFC 5771). */
const SPECIAL_IPV4: readonly (readonly [address: string, prefix: number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
];
/** The only global unicast addresses (RFC 4291 §2.4): loopback, link-local, IPv4-mapped and others are outside. */
const GLOBAL_IPV6 = ['2000::', 3] as const;
/** Special among them (IANA IPv6 Special-Purpose Address Registry): Teredo and other protocols, documentation, 6to4. */
const SPECIAL_IPV6: readonly (readonly [address: string, prefix: number])[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
];
/** Well-known prefix of NAT64 (RFC 6052 §2.1): the last 32 bits are an IPv4 address. */
const NAT64 = { network: '64:ff9b::', prefix: 96 } as const;

const special = new BlockList();
const global = new BlockList();
global.addSubnet(...GLOBAL_IPV6, 'ipv6');
global.addSubnet(NAT64.network, NAT64.prefix, 'ipv6');
for (const [address, prefix] of SPECIAL_IPV6) special.addSubnet(address, prefix, 'ipv6');
for (const [address, prefix] of SPECIAL_IPV4) {
  special.addSubnet(address, prefix, 'ipv4');
  special.addSubnet(`${NAT64.network}${address}`, NAT64.prefix + prefix, 'ipv6');
}

/** Parses `10.1.0.0/16`, `fd00::/8` or a single address. @returns undefined when the text is no network. */
export function parseNetwork(text: string): Network | undefined {
  const [, address = '', digits] = /^([\d.a-f:]+)(?:\/(\d{1,3}))?$/i.exec(text) ?? [];
  const version = isIP(address);
  const bits = version === 4 ? 32 : 128;
  const prefix = digits === undefined ? bits : Number(digits);
  if (version === 0 || prefix > bits) return undefined;
  return { address, family: version === 4 ? 'ipv4' : 'ipv6', prefix };
}

/** Whether an IP address may be connected to. */
export type AddressPolicy = (address: string) => boolean;

/** A policy that allows public addresses and those of some private networks. */
export function addressPolicy(privateNetworks: readonly Network[] = []): AddressPolicy {
  const allowed = new BlockList();
  for (const { address, prefix, family } of privateNetworks) allowed.addSubnet(address, prefix, family);
  return (address) => {
    const version = isIP(address);
    if (version === 0) return false;
    const family = version === 4 ? 'ipv4' : 'ipv6';
    if (allowed.check(address, family)) return true;
    return !special.check(address, family) && (version === 4 || global.check(address, family));
  };
}
