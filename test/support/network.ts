import type { Network } from '../../src/network/public-address.ts';

/** Servers of tests are on this machine. */
export const LOOPBACK: Network = { address: '127.0.0.0', family: 'ipv4', prefix: 8 };
