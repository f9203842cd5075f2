import { isIP, type LookupFunction } from 'node:net';
import { callbackify } from 'node:util';
import { buildConnector } from 'undici';
import type { AddressPolicy } from './public-address.ts';
import { AddressRefusedError, type ResolveHost, resolveAllowed } from './resolve-allowed.ts';

/** Options of a connector. */
export type GuardedConnectorOptions = buildConnector.BuildOptions & {
  readonly isAllowed: AddressPolicy;
  /** Hosts of the configuration, which may have any address. */
  readonly isTrustedHost?: (hostname: string) => boolean;
  /** Default: by DNS. */
  readonly resolve?: ResolveHost | undefined;
};

/**
 * undici's connector, which fails with `AddressRefusedError` instead of connecting to an address that is refused. Node
 * connects to the very addresses that its look-up returns, so that a second answer of the DNS changes nothing.
 */
export function guardedConnector(options: GuardedConnectorOptions): buildConnector.connector {
  const { isAllowed, isTrustedHost = () => false, resolve, ...connection } = options;
  const allowedOf = callbackify((hostname: string) => resolveAllowed(hostname, isAllowed, resolve));
  const lookup: LookupFunction = (hostname, { all }, callback) => {
    allowedOf(hostname, (error: NodeJS.ErrnoException | null, addresses) => {
      if (error !== null) callback(error, '');
      else if (all === true) callback(null, [...addresses]);
      else callback(null, addresses[0].address, addresses[0].family);
    });
  };
  const connect = buildConnector(connection);
  const connectGuarded = buildConnector({ ...connection, lookup });
  return (target, callback) => {
    const hostname = target.hostname.replace(/^\[|\]$/g, '');
    if (isTrustedHost(hostname)) return connect(target, callback);
    const family = isIP(hostname);
    // Node looks up names only.
    if (family === 0 || isAllowed(hostname)) return connectGuarded(target, callback);
    callback(new AddressRefusedError(hostname, [{ address: hostname, family }]), null);
  };
}
