/**
 * A proxy in front of a real HTTP(S) server that does to chosen requests what networks and overloaded servers do: answers in
 * its place, cuts the connection before or after the server acted, delays, or is down altogether. Everything else passes
 * through as a stream with its Host header kept, so that servers which build URLs from it (ACME) name the proxy.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { Upstream, type UpstreamOptions } from './upstream.ts';

/** A request as it arrived, for matching and for counting afterwards. */
export interface SeenRequest {
  readonly method: string;
  /** Path with query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** `performance.now()` of its arrival. */
  readonly at: number;
}

export type Fault =
  /** The proxy answers; the server never sees the request. */
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      /** An object is sent as JSON. */
      readonly body?: string | object;
    }
  /** The connection is reset; the server never sees the request. */
  | { readonly kind: 'cutBefore' }
  /** The server answers, and so has acted; the connection is reset instead of passing its answer on. */
  | { readonly kind: 'cutAfter' }
  /** The answer's headers and this many bytes of its body pass; then the connection is reset. */
  | { readonly kind: 'cutInside'; readonly bytes: number }
  /** The answer's headers pass, then its body, a byte at a time at this interval, until the client gives up. */
  | { readonly kind: 'drip'; readonly intervalMs: number }
  /** The request is passed on this much later. */
  | { readonly kind: 'delay'; readonly milliseconds: number }
  /** The request is passed on once this has come about. */
  | { readonly kind: 'hold'; readonly until: Promise<unknown> }
  /** The server's answer passes, with these headers (lower-case names) in place of its own. */
  | { readonly kind: 'changeHeaders'; readonly headers: Readonly<Record<string, string>> }
  /** The server's answer passes with another body. */
  | { readonly kind: 'changeBody'; readonly change: (body: string) => string }
  /** No answer at all until the client gives up. */
  | { readonly kind: 'hang' };

export interface Injection {
  readonly when: (request: SeenRequest) => boolean;
  readonly fault: Fault;
  /** How many requests it hits; default: all, until it is removed. */
  readonly times?: number;
}

export interface FaultProxy {
  /** `http://127.0.0.1:port` or `https://…`, without a trailing slash. */
  readonly url: string;
  /** All requests since the start or the last `forget()`, the ones that were hit included. */
  readonly seen: readonly SeenRequest[];
  clearSeen(): void;
  /** The first injection that matches a request decides about it. @returns how many requests it has hit, and its removal. */
  inject(injection: Injection): { readonly hits: () => number; readonly remove: () => void };
  /** Refuses everything, open connections included, until `up()`. */
  down(): void;
  up(): void;
  close(): Promise<void>;
}

export interface FaultProxyOptions extends UpstreamOptions {
  /** Certificate and key for clients; without them the proxy speaks plain HTTP. */
  readonly tls?: { readonly certPem: string; readonly keyPem: string };
}

export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const upstream = new Upstream(options);
  const seen: SeenRequest[] = [];
  const rules: { injection: Injection; hits: number }[] = [];
  const sockets = new Set<Socket>();
  let isDown = false;

  const faultFor = (request: SeenRequest): Fault | undefined => {
    const rule = rules.find(
      ({ injection, hits }) => hits < (injection.times ?? Number.POSITIVE_INFINITY) && injection.when(request),
    );
    if (rule === undefined) return undefined;
    rule.hits += 1;
    return rule.injection.fault;
  };
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    const arrived: SeenRequest = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      at: performance.now(),
    };
    seen.push(arrived);
    handle(upstream, request, response, faultFor(arrived)).catch(() => request.socket.destroy());
  };
  const server =
    options.tls === undefined
      ? createServer(serve)
      : createHttpsServer({ cert: options.tls.certPem, key: options.tls.keyPem }, serve);
  server.on('connection', (socket: Socket) => {
    if (isDown) {
      socket.resetAndDestroy();
      return;
    }
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const dropAll = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };

  return {
    url: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    seen,
    clearSeen: () => {
      seen.length = 0;
    },
    inject: (injection) => {
      const rule = { injection, hits: 0 };
      rules.push(rule);
      return {
        hits: () => rule.hits,
        remove: () => {
          const at = rules.indexOf(rule);
          // Removed twice, it takes no other with it.
          if (at >= 0) rules.splice(at, 1);
        },
      };
    },
    down: () => {
      isDown = true;
      dropAll();
    },
    up: () => {
      isDown = false;
    },
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      dropAll();
      upstream.close();
      await closed;
    },
  };
}

async function handle(
  upstream: Upstream,
  request: IncomingMessage,
  response: ServerResponse,
  fault: Fault | undefined,
): Promise<void> {
  switch (fault?.kind) {
    case 'answer':
      request.resume();
      sendResponse(response, fault);
      return;
    case 'cutBefore':
      resetConnection(request);
      return;
    case 'hang':
      request.resume();
      return;
    case 'delay':
      await sleep(fault.milliseconds);
      break;
    case 'hold':
      await fault.until;
      break;
    case 'cutAfter': {
      const answer = await forwardRequest(upstream, request, response);
      for await (const _ of answer);
      resetConnection(request);
      return;
    }
    case 'changeBody': {
      const answer = await forwardRequest(upstream, request, response);
      const { 'content-length': _, 'transfer-encoding': __, ...headers } = answer.headers;
      const body = fault.change(await text(answer));
      response.writeHead(answer.statusCode ?? 502, headers).end(body);
      return;
    }
    case 'cutInside':
      await forwardPartially(request, response, await forwardRequest(upstream, request, response), fault.bytes);
      return;
    case 'drip':
      await forwardSlowly(response, await forwardRequest(upstream, request, response), fault.intervalMs);
      return;
    case 'changeHeaders':
    case undefined:
      break;
  }
  const answer = await forwardRequest(upstream, request, response);
  response.on('close', () => answer.destroy());
  const headers = fault?.kind === 'changeHeaders' ? { ...answer.headers, ...fault.headers } : answer.rawHeaders;
  response.writeHead(answer.statusCode ?? 502, headers);
  response.flushHeaders();
  answer.on('error', () => resetConnection(request));
  answer.pipe(response);
}

function sendResponse(response: ServerResponse, fault: Extract<Fault, { kind: 'answer' }>): void {
  const isJson = typeof fault.body === 'object';
  const headers = isJson ? { 'content-type': 'application/json', ...fault.headers } : (fault.headers ?? {});
  response.writeHead(fault.status, headers);
  response.end(isJson ? JSON.stringify(fault.body) : fault.body);
}

async function forwardPartially(
  request: IncomingMessage,
  response: ServerResponse,
  answer: IncomingMessage,
  bytes: number,
): Promise<void> {
  response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
  let left = bytes;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    const part = chunk.subarray(0, left);
    left -= part.length;
    await new Promise((resolve) => response.write(part, resolve));
    if (left === 0) break;
  }
  resetConnection(request);
}

async function forwardSlowly(response: ServerResponse, answer: IncomingMessage, intervalMs: number): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
  response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
  response.flushHeaders();
  for (const byte of Buffer.concat(chunks)) {
    if (response.destroyed) return;
    response.write(Buffer.of(byte));
    await sleep(intervalMs);
  }
  response.end();
}

function resetConnection(request: IncomingMessage): void {
  request.socket.destroy();
}

function forwardRequest(
  upstream: Upstream,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<IncomingMessage> {
  return upstream.forward(request, (onward) => {
    // Fires when the client went away, and harmlessly after every finished answer.
    response.once('close', () => onward.destroy());
    request.pipe(onward);
  });
}
