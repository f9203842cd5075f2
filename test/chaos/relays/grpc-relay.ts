/**
 * A relay in front of Temporal's frontend: gRPC is HTTP/2 with its status in trailers, and everything that a worker asks is
 * one message for one, so each request and each answer is taken in whole.
 * Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
import {
  type ClientHttp2Session,
  connect,
  constants,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { ExternalRequest, ExternalResponse, Relay, RelayOptions } from './exchange.ts';

interface GrpcResponse extends ExternalResponse {
  readonly headers: IncomingHttpHeaders;
  /** Absent when the status is among the headers (Trailers-Only). */
  readonly trailers: IncomingHttpHeaders | undefined;
}

/** @param options.target `http://host:port`, without TLS. */
export async function startGrpcRelay(options: RelayOptions): Promise<Relay> {
  const connections = new Set<Connection>();
  const server = createServer();
  server.on('session', (session) => {
    const connection = new Connection(session, options);
    connections.add(connection);
    session.on('close', () => {
      connections.delete(connection);
      connection.close();
    });
    session.on('error', () => session.destroy());
    session.on('stream', (stream, headers) => {
      // The connection was closed on either side; gRPC clients treat a reset stream as UNAVAILABLE.
      stream.on('error', () => undefined);
      connection.handle(stream, headers).catch(() => stream.close(constants.NGHTTP2_REFUSED_STREAM));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const connection of connections) connection.close();
      await closed;
    },
  };
}

/** A worker's connection, and the relay's connection to the server for it. */
class Connection {
  readonly #session: ServerHttp2Session;
  readonly #upstream: ClientHttp2Session;
  readonly #options: RelayOptions;
  #worker: string | undefined;

  constructor(session: ServerHttp2Session, options: RelayOptions) {
    this.#session = session;
    this.#options = options;
    this.#upstream = connect(options.target);
    this.#upstream.on('error', () => session.destroy());
    this.#upstream.on('close', () => session.destroy());
  }

  async handle(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    const { interceptor, onExchange } = this.#options;
    const request = await this.#read(stream, headers);
    const action = await interceptor.beforeRequest(request);
    if (action === 'cut') return this.close();
    if (action !== 'pass') return refuse(stream, action.refuse);
    const response = await this.#forward(stream, headers, request);
    if ((await interceptor.afterResponse(request, response)) === 'cut') {
      onExchange?.(request, response, false);
      return this.close();
    }
    const delivered = await sendResponse(stream, response);
    onExchange?.(request, response, delivered);
  }

  close(): void {
    this.#session.destroy();
    this.#upstream.destroy();
  }

  async #read(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<ExternalRequest> {
    return {
      system: this.#options.system,
      method: headers[':method'] ?? '',
      path: headers[':path'] ?? '',
      contentType: headers['content-type'] ?? '',
      body: await buffer(stream),
      worker: this.#owner(),
    };
  }

  /** Looked up once per connection. */
  #owner(): string | undefined {
    const { remotePort, localPort } = this.#session.socket;
    this.#worker ??= this.#options.ownerOf({ remotePort, localPort });
    return this.#worker;
  }

  #forward(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, request: ExternalRequest): Promise<GrpcResponse> {
    return new Promise((resolve, reject) => {
      const upstreamRequest = this.#upstream.request(headers);
      let head: IncomingHttpHeaders | undefined;
      let trailers: IncomingHttpHeaders | undefined;
      const chunks: Buffer[] = [];
      upstreamRequest.on('response', (received) => {
        head = received;
      });
      upstreamRequest.on('trailers', (received) => {
        trailers = received;
      });
      upstreamRequest.on('data', (chunk: Buffer) => chunks.push(chunk));
      upstreamRequest.on('error', reject);
      upstreamRequest.on('close', () => {
        if (head === undefined) reject(new Error('the server ended the request without an answer'));
        else resolve({ status: statusOf(trailers ?? head), headers: head, trailers, body: Buffer.concat(chunks) });
      });
      // A poll of a dead worker must not receive a task. Any other request takes effect at the server.
      if (/\/Poll\w+$/.test(request.path)) stream.on('close', () => upstreamRequest.close(constants.NGHTTP2_CANCEL));
      upstreamRequest.end(request.body);
    });
  }
}

function statusOf(headers: IncomingHttpHeaders): number {
  return Number(headers['grpc-status'] ?? Number.NaN);
}

/** Trailers-Only: the status is among the headers. */
function refuse(stream: ServerHttp2Stream, status: number): void {
  if (stream.destroyed) return;
  const headers = { 'content-type': 'application/grpc', 'grpc-status': status, 'grpc-message': 'refused by the relay' };
  stream.respond({ ':status': 200, ...headers }, { endStream: true });
}

/** @returns whether the connection was open until everything was written to it. */
function sendResponse(stream: ServerHttp2Stream, { headers, trailers, body }: GrpcResponse): Promise<boolean> {
  return new Promise((resolve) => {
    if (stream.destroyed) return resolve(false);
    stream.on('close', () => resolve(stream.rstCode === constants.NGHTTP2_NO_ERROR));
    if (trailers === undefined) return stream.respond(headers, { endStream: true });
    stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    stream.respond(headers, { waitForTrailers: true });
    stream.end(body);
  });
}
