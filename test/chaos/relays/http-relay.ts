/** A relay in front of an HTTP(S) server: takes each request in whole, asks what is to become of it, and passes it on. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { Upstream } from '../../support/faults/upstream.ts';
import type { ExternalRequest, ExternalResponse, Relay, RelayOptions } from './exchange.ts';

export interface HttpRelayOptions extends RelayOptions {
  /** PEM that the real server is trusted by. */
  readonly targetCaPem?: string;
  /** Certificate and key for clients; without them the relay speaks plain HTTP. */
  readonly tls?: { readonly certPem: string; readonly keyPem: string };
  /** Makes an answer what the real counterpart of a stand-in would say. */
  readonly rewriteResponse?: (request: ExternalRequest, answer: ExternalResponse) => ExternalResponse;
}

export async function startHttpRelay(options: HttpRelayOptions): Promise<Relay> {
  const server = new RelayHandler(options);
  const sockets = new Set<Socket>();
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    // A connection to a worker or a server that died; the other side sees it cut as well.
    server.handle(request, response).catch(() => request.socket.destroy());
  };
  const listener =
    options.tls === undefined
      ? createServer(serve)
      : createHttpsServer({ cert: options.tls.certPem, key: options.tls.keyPem }, serve);
  listener.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
  });
  // Kept open for longer than any worker keeps an idle connection, so that none is closed as it is used again.
  listener.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve, reject) => {
    listener.once('error', reject);
    listener.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (listener.address() as AddressInfo).port,
    close: async () => {
      const closed = new Promise<void>((resolve) => listener.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      server.close();
      await closed;
    },
  };
}

class RelayHandler {
  readonly #options: HttpRelayOptions;
  readonly #upstream: Upstream;
  readonly #owners = new WeakMap<Socket, string>();

  constructor(options: HttpRelayOptions) {
    this.#options = options;
    this.#upstream = new Upstream(options);
  }

  async handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { interceptor, rewriteResponse } = this.#options;
    const request = await this.#read(incoming);
    if ((await interceptor.beforeRequest(request)) === 'cut') return resetConnection(incoming);
    const upstreamResponse = await this.#forward(incoming, request.body);
    if (isStream(request)) return stream(upstreamResponse, response);
    const answer = await readResponse(upstreamResponse);
    if ((await interceptor.afterResponse(request, answer)) === 'cut') {
      this.#options.onExchange?.(request, answer, false);
      return resetConnection(incoming);
    }
    const delivered = await sendResponse(
      response,
      incoming.method,
      rewriteResponse?.(request, answer) ?? answer,
      upstreamResponse.rawHeaders,
    );
    this.#options.onExchange?.(request, answer, delivered);
  }

  async #read(incoming: IncomingMessage): Promise<ExternalRequest> {
    return {
      system: this.#options.system,
      method: incoming.method ?? '',
      path: incoming.url ?? '',
      contentType: incoming.headers['content-type'] ?? '',
      body: await buffer(incoming),
      worker: this.#owner(incoming.socket),
    };
  }

  /** Looked up once: it is the same for as long as the connection lasts. */
  #owner(socket: Socket): string | undefined {
    const { remotePort, localPort } = socket;
    const owner = this.#owners.get(socket) ?? this.#options.ownerOf({ remotePort, localPort });
    if (owner !== undefined) this.#owners.set(socket, owner);
    return owner;
  }

  /** It is carried to its end: a server does act on what has arrived. */
  #forward(incoming: IncomingMessage, body: Buffer): Promise<IncomingMessage> {
    return this.#upstream.forward(incoming, (onward) => onward.end(body));
  }

  close(): void {
    this.#upstream.close();
  }
}

/** A watch of Kubernetes answers for minutes. */
function isStream({ system, path }: ExternalRequest): boolean {
  return system === 'kubernetes' && /[?&]watch=true(&|$)/.test(path);
}

function stream(upstreamResponse: IncomingMessage, response: ServerResponse): void {
  response.on('close', () => upstreamResponse.destroy());
  response.writeHead(upstreamResponse.statusCode ?? 502, upstreamResponse.rawHeaders);
  response.flushHeaders();
  upstreamResponse.on('error', () => response.destroy());
  upstreamResponse.pipe(response);
}

async function readResponse(upstreamResponse: IncomingMessage): Promise<ExternalResponse> {
  return {
    status: upstreamResponse.statusCode ?? 502,
    headers: upstreamResponse.headers,
    body: await buffer(upstreamResponse),
  };
}

/** @returns whether all of it was handed to the connection while that was open. */
function sendResponse(
  response: ServerResponse,
  method: string | undefined,
  { status, body }: ExternalResponse,
  rawHeaders: readonly string[],
): Promise<boolean> {
  return new Promise((resolve) => {
    if (response.destroyed) return resolve(false);
    response.on('close', () => resolve(response.writableFinished));
    const headers = rawHeaders.flatMap((name, index) =>
      index % 2 === 0 && !isLength(name) ? [name, rawHeaders[index + 1] ?? ''] : [],
    );
    // The answer to a HEAD says how long that to a GET would be.
    if (method !== 'HEAD' && status !== 204) headers.push('Content-Length', String(body.length));
    response.writeHead(status, headers);
    response.end(body);
  });
}

function isLength(name: string): boolean {
  return /^(content-length|transfer-encoding)$/i.test(name);
}

function resetConnection(incoming: IncomingMessage): void {
  incoming.socket.destroy();
}
