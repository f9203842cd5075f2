import { isIP } from 'node:net';

/** An address to connect to or to listen on. */
export interface HostAndPort {
  /** A name or an IP address, without brackets. */
  readonly host: string;
  readonly port: number;
}

/** `host:port` or `[::1]:53`; a part without a default is required. @returns undefined when the text is no address. */
export function parseHostAndPort(
  text: string,
  defaults: { readonly host?: string; readonly port?: number } = {},
): HostAndPort | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]*))(?::(\d{1,5}))?$/.exec(text);
  if (match === null) return undefined;
  if (match[1] !== undefined && isIP(match[1]) !== 6) return undefined;
  const host = match[1] ?? (match[2] === '' ? defaults.host : match[2]);
  const port = match[3] === undefined ? defaults.port : Number(match[3]);
  if (host === undefined || port === undefined || port > 65_535) return undefined;
  return /^[\w.:%-]+$/.test(host) ? { host, port } : undefined;
}

/** `host:port`, with brackets around an IPv6 address. */
export function formatHostAndPort({ host, port }: HostAndPort): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
