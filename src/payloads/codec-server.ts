/** Temporal's codec server: https://docs.temporal.io/codec-server. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Payload, PayloadCodec } from '@temporalio/common';
import { z } from 'zod';
import { PayloadError } from './payload-error.ts';

/** How a codec server answers. */
export interface CodecServerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly codec: PayloadCodec;
  /** Origins of the web pages that may use it, such as `https://temporal.example.com`. */
  readonly origins: readonly string[];
  /** Each request needs it as its bearer token; read for each request. Undefined: none does. */
  readonly token: (() => string) | undefined;
}

/** A listening codec server. */
export interface CodecServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Temporal's messages are at most 4 MB; base64 and JSON make them a third longer. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;
const MAX_PAYLOADS = 10_000;
const MAX_CONNECTIONS = 100;

/** Proto3 JSON of `temporal.api.common.v1.Payloads`; bytes are base64. */
const bodySchema = z.object({
  payloads: z
    .array(
      z.object({
        metadata: z.record(z.string(), z.base64()).nullish(),
        data: z.base64().nullish(),
      }),
    )
    .max(MAX_PAYLOADS),
});

/** What a request is answered with. */
interface Reply {
  readonly status: number;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string;
}

/** @throws the error of `listen`. */
export async function startCodecServer(options: CodecServerOptions): Promise<CodecServer> {
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { status, headers, body } = await replyTo(request, options);
    response.writeHead(status, {
      'content-type': status === 200 ? 'application/json' : 'text/plain; charset=utf-8',
      'cache-control': 'no-store',
      // An answer before the end of the request leaves the rest of it on the connection.
      ...(request.complete ? {} : { connection: 'close' }),
      ...corsHeaders(request.headers, options),
      ...headers,
    });
    response.end(body);
  };
  const timeouts = { headersTimeout: 5_000, requestTimeout: 30_000 };
  const server = createServer(timeouts, (request, response) => void respond(request, response));
  server.maxConnections = MAX_CONNECTIONS;
  server.listen(options.port, options.host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function replyTo(request: IncomingMessage, options: CodecServerOptions): Promise<Reply> {
  const { origin, authorization } = request.headers;
  // Also a page whose name is made to resolve to this machine sends its origin.
  if (origin !== undefined && !options.origins.includes(origin)) {
    return problem(403, `Pages of ${origin.slice(0, 200)} may not use this codec server; see its option --origin.`);
  }
  // An endpoint can be a template such as http://localhost:8888/{namespace}; without one, the temporal CLI sends //decode.
  const operation = /^(?:\/[^/?]*)?\/(encode|decode)(?:\?|$)/.exec(request.url ?? '')?.[1];
  if (operation === undefined) return problem(404, 'Paths: /decode and /encode, also behind /<namespace>.');
  if (request.method === 'OPTIONS') return { status: 204 };
  if (request.method !== 'POST') return { ...problem(405, 'Only POST is answered.'), headers: { allow: 'POST' } };
  try {
    if (options.token !== undefined && !isBearer(authorization, options.token())) {
      const headers = { 'www-authenticate': 'Bearer' };
      return { ...problem(401, 'A request needs the bearer token of this codec server.'), headers };
    }
    const text = await readBody(request);
    if (text === undefined) return problem(413, `A request has at most ${MAX_BODY_BYTES} bytes.`);
    const payloads = parsePayloads(text);
    if (payloads === undefined) return problem(400, 'The body is not a JSON of payloads with base64 in them.');
    const { codec } = options;
    const result = operation === 'encode' ? await codec.encode(payloads) : await codec.decode(payloads);
    return { status: 200, body: JSON.stringify({ payloads: result.map(toJson) }) };
  } catch (error) {
    if (error instanceof PayloadError) return problem(422, error.message);
    return problem(500, error instanceof Error ? error.message : 'unknown error');
  }
}

function problem(status: number, text: string): Reply {
  return { status, body: `${text}\n` };
}

function corsHeaders(
  { origin, ...headers }: IncomingHttpHeaders,
  { origins }: CodecServerOptions,
): OutgoingHttpHeaders {
  if (origin === undefined || !origins.includes(origin)) return { vary: 'origin' };
  return {
    vary: 'origin',
    'access-control-allow-origin': origin,
    'access-control-allow-credentials': 'true',
    'access-control-allow-methods': 'POST',
    'access-control-allow-headers': 'content-type, x-namespace, authorization, caller-type',
    'access-control-max-age': '600',
    // A page from elsewhere that reaches this machine: https://wicg.github.io/private-network-access/
    ...(headers['access-control-request-private-network'] === 'true'
      ? { 'access-control-allow-private-network': 'true' }
      : {}),
  };
}

function isBearer(authorization: string | undefined, token: string): boolean {
  const [, given = ''] = /^Bearer +(\S+)$/i.exec(authorization ?? '') ?? [];
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return token !== '' && timingSafeEqual(digest(given), digest(token));
}

/** @returns undefined when it is too large. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parsePayloads(text: string): Payload[] | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  const bytes = (base64: string) => Buffer.from(base64, 'base64');
  return bodySchema.safeParse(json).data?.payloads.map(({ metadata, data }) => ({
    metadata: Object.fromEntries(Object.entries(metadata ?? {}).map(([name, value]) => [name, bytes(value)])),
    data: bytes(data ?? ''),
  }));
}

function toJson({ metadata, data }: Payload) {
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
  return {
    metadata: Object.fromEntries(Object.entries(metadata ?? {}).map(([name, value]) => [name, base64(value)])),
    data: base64(data ?? Buffer.alloc(0)),
  };
}
