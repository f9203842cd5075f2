/** An HTTP server that clients which send nothing, or read nothing, cannot block. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { formatHostAndPort, type HostAndPort } from '../dns/host-and-port.ts';
import { CertmanError } from '../failures/failure.ts';

/** What a request is answered with. */
export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | AsyncIterable<string>;
}

/** By path, answers GET and HEAD. */
export type Routes = Readonly<Record<string, () => Reply | Promise<Reply>>>;

/** Bounds on what clients can hold. */
export interface ConnectionLimits {
  /** At more, the connection that has been idle longest is closed for the new one. */
  readonly connections: number;
  /** Until the headers of a request are complete. */
  readonly headersMs: number;
  /** Until a request is complete. */
  readonly requestMs: number;
  /** Between two requests on a connection. */
  readonly keepAliveMs: number;
  /** Without a byte sent or received, as with a client that does not read its answer. */
  readonly idleMs: number;
}

/** Options of {@link startHttpServer}. */
export interface HttpServerOptions {
  /** Port 0 takes a free one. */
  readonly address: HostAndPort;
  /** The setting that the address comes from. */
  readonly setting: string;
  readonly routes: Routes;
  readonly limits?: Partial<ConnectionLimits>;
}

/** A listening server. */
export interface RunningServer {
  /** `http://host:port`, reachable from this machine. */
  readonly url: string;
  close(): Promise<void>;
}

const LIMITS: ConnectionLimits = {
  connections: 50,
  headersMs: 5_000,
  requestMs: 10_000,
  keepAliveMs: 5_000,
  idleMs: 15_000,
};
const DEFAULT_HEADERS = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' };
/** Where a server that listens on every address is reached from this machine. */
const LOOPBACK: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

/** Starts to listen. @throws CertmanError `configuration/invalid` when the address cannot be listened on. */
export async function startHttpServer({ address, setting, routes, limits }: HttpServerOptions): Promise<RunningServer> {
  const { connections, headersMs, requestMs, keepAliveMs, idleMs } = { ...LIMITS, ...limits };
  const timeouts = { headersTimeout: headersMs, requestTimeout: requestMs, keepAliveTimeout: keepAliveMs };
  // Node.js ends requests that are late at this interval only.
  const server = createServer({ ...timeouts, connectionsCheckingInterval: Math.min(headersMs, requestMs) });
  server.timeout = idleMs;
  closeLongestIdle(server, connections);
  server.on('request', (request, response) => {
    // The client is gone.
    respond(request, response, routes).catch(() => response.destroy());
  });
  server.listen(address);
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw new CertmanError({
      code: 'configuration/invalid',
      message: `${setting} ${formatHostAndPort(address)} cannot be used (${reasonOf(cause)}).`,
      remedy: 'Choose a free port of this machine, or stop the process that listens there.',
      cause,
    });
  }
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${formatHostAndPort({ host: LOOPBACK[address.host] ?? address.host, port })}`,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** Not `maxConnections`: it refuses the new connection, and so lets idle ones keep everybody out. */
function closeLongestIdle(server: Server, max: number): void {
  // In the order of their last request.
  const open = new Set<Socket>();
  const busy = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    if (open.size <= max) return;
    const [longestOpen] = open;
    const longestIdle = [...open].find((one) => one !== socket && !busy.has(one));
    (longestIdle ?? longestOpen)?.destroy();
  });
  server.on('request', ({ socket }, response) => {
    busy.add(socket);
    response.once('close', () => {
      busy.delete(socket);
      if (open.delete(socket)) open.add(socket);
    });
  });
}

function reasonOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

async function respond(request: IncomingMessage, response: ServerResponse, routes: Routes): Promise<void> {
  const { status, headers, body } = await replyTo(request, routes);
  response.writeHead(status, { ...DEFAULT_HEADERS, ...headers });
  if (request.method === 'HEAD') response.end();
  else if (typeof body === 'string') response.end(body);
  else await pipeline(body, response);
}

async function replyTo({ method, url }: IncomingMessage, routes: Routes): Promise<Reply> {
  if (method !== 'GET' && method !== 'HEAD')
    return { status: 405, headers: { allow: 'GET, HEAD' }, body: 'Only GET and HEAD are answered.\n' };
  const [path = ''] = (url ?? '').split('?');
  const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
  if (route === undefined) return { status: 404, body: `Paths: ${Object.keys(routes).join(', ')}.\n` };
  try {
    return await route();
  } catch (error) {
    return { status: 500, body: `${error instanceof Error ? error.message : 'unknown error'}\n` };
  }
}
