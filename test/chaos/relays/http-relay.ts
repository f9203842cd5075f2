/** A relay in front of an HTTP(S) server: reads each request completely, asks the judge, and forwards it. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { Upstream } from '../../support/faults/upstream.ts';
import type { ExternalRequest, ExternalResponse, Refusal, Relay, RelayOptions } from './exchange.ts';

export interface HttpRelayOptions extends RelayOptions {
  /** CA certificates (PEM) of the real server. */
  readonly targetCaPem?: string;
  /** Server certificate and key; without them the relay serves plain HTTP. */
  readonly tls?: { readonly certPem: string; readonly keyPem: string };
  /** Changes a stand-in's response to that of the real service. */
  readonly rewriteResponse?: (request: ExternalRequest, answer: ExternalResponse) => ExternalResponse;
}

export async function startHttpRelay(options: HttpRelayOptions): Promise<Relay> {
  const server = new RelayHandler(options);
  const sockets = new Set<Socket>();
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    // A worker or a server died; the relay closes the other side of the connection as well.
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
  // Longer than the idle timeout of the workers, so that the relay never closes a connection that a worker is about to reuse.
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
    const action = await interceptor.beforeRequest(request);
    if (action === 'cut') return resetConnection(incoming);
    if (action !== 'pass') return refuse(response, action);
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

  /** Looked up once per connection. */
  #owner(socket: Socket): string | undefined {
    const { remotePort, localPort } = socket;
    const owner = this.#owners.get(socket) ?? this.#options.ownerOf({ remotePort, localPort });
    if (owner !== undefined) this.#owners.set(socket, owner);
    return owner;
  }

  /** Runs to completion, because a server acts on every request that it receives. */
  #forward(incoming: IncomingMessage, body: Buffer): Promise<IncomingMessage> {
    return this.#upstream.forward(incoming, (onward) => onward.end(body));
  }

  close(): void {
    this.#upstream.close();
  }
}

function refuse(response: ServerResponse, { refuse: status, contentType, body }: Refusal): void {
  response.writeHead(status, contentType === undefined ? {} : { 'content-type': contentType }).end(body);
}

/** The response to a Kubernetes watch lasts for minutes. */
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

/** @returns whether the connection was open until everything was written to it. */
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
    // The response to HEAD has the Content-Length of the response to GET.
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
