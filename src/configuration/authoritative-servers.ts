import { type HostAndPort, parseHostAndPort } from './values.ts';

/** Which servers are asked for a zone's own answer before the public resolvers are. */
export type AuthoritativeServers =
  | { readonly kind: 'auto' }
  | { readonly kind: 'off' }
  | { readonly kind: 'servers'; readonly servers: readonly HostAndPort[] };

/** @returns undefined when it is none of the three forms. */
export function parseAuthoritativeServers(found: string): AuthoritativeServers | undefined {
  const word = found.toLowerCase();
  if (word === 'auto' || word === 'off') return { kind: word };
  const servers = found
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => parseHostAndPort(part, { port: 53 }));
  const valid = servers.filter((server) => server !== undefined);
  return valid.length > 0 && valid.length === servers.length ? { kind: 'servers', servers: valid } : undefined;
}
