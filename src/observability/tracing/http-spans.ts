/**
 * A span for each HTTP request of an activity, by the channels in which undici and Node publish requests:
 * https://github.com/nodejs/undici/blob/main/docs/docs/api/DiagnosticsChannel.md and
 * https://nodejs.org/api/diagnostics_channel.html#http. Attributes: https://opentelemetry.io/docs/specs/semconv/http/http-spans/
 */
import { type ChannelListener, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { type Attributes, type Context, type Span, SpanKind, SpanStatusCode, type Tracer } from '@opentelemetry/api';
import { errorCodeOf } from '../../failures/error-code.ts';

interface UndiciRequest {
  readonly method: string;
  readonly origin: string | URL;
}

interface NodeRequest {
  readonly method: string;
  readonly protocol: string;
  readonly host: string;
  getHeader(name: 'host'): string | undefined;
}

interface Message<Request> {
  readonly request: Request;
  readonly response?: { readonly statusCode?: number };
  readonly error?: unknown;
}

/** Requests of unknown methods have this one. Source: the semantic conventions. */
const OTHER_METHOD = '_OTHER';
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']);

/**
 * Starts the spans. They have method, host, port and status, and never a path, a query, a header or a body: URLs can have
 * secrets.
 * @param parent of a request that is sent now; undefined: it has no span.
 * @returns a function that ends it.
 */
export function traceRequests(tracer: Tracer, parent: () => Context | undefined): () => void {
  const spans = new WeakMap<object, Span>();

  function start(request: object, method: string, server: () => Attributes): void {
    const context = parent();
    if (context === undefined) return;
    const known = METHODS.has(method) ? method : OTHER_METHOD;
    const attributes = { 'http.request.method': known, ...server() };
    spans.set(request, tracer.startSpan(known, { kind: SpanKind.CLIENT, attributes }, context));
  }

  function respond({ request, response }: Message<object>): void {
    const status = response?.statusCode;
    const span = spans.get(request);
    if (span === undefined || status === undefined) return;
    span.setAttribute('http.response.status_code', status);
    if (status >= 400) fail(span, String(status));
  }

  function end({ request, error }: Message<object>): void {
    const span = spans.get(request);
    spans.delete(request);
    if (error !== undefined && span !== undefined) fail(span, errorCodeOf(error) ?? nameOf(error));
    span?.end();
  }

  const listeners = {
    'undici:request:create': ({ request }: Message<UndiciRequest>) =>
      start(request, request.method, () => serverOf(String(request.origin))),
    'undici:request:headers': respond,
    'undici:request:trailers': end,
    'undici:request:error': end,
    'http.client.request.created': ({ request }: Message<NodeRequest>) =>
      start(request, request.method, () =>
        serverOf(`${request.protocol}//${request.getHeader('host') ?? request.host}`),
      ),
    'http.client.response.finish': (message: Message<NodeRequest>) => {
      respond(message);
      end(message);
    },
    'http.client.request.error': end,
  };
  for (const [channel, listener] of Object.entries(listeners))
    subscribe(channel, listener as unknown as ChannelListener);
  return () => {
    for (const [channel, listener] of Object.entries(listeners))
      unsubscribe(channel, listener as unknown as ChannelListener);
  };
}

function fail(span: Span, type: string): void {
  span.setAttribute('error.type', type);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : OTHER_METHOD;
}

/** @param origin a URL without a path; one that is none has no attributes. */
function serverOf(origin: string): Attributes {
  if (!URL.canParse(origin)) return {};
  const { protocol, hostname, port } = new URL(origin);
  return { 'server.address': hostname, 'server.port': Number(port) || (protocol === 'http:' ? 80 : 443) };
}
