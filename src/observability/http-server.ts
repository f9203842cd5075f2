/**
 * `/metrics`, `/healthz` and `/readyz` on one port. Health is this process's own: it says nothing about Temporal or the API
 * server, whose outage no restart of this process can mend. Readiness says whether work is being taken, and why not.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { CertmanError } from '../failures/failure.ts';

/** A question about the process; the answer is `ok` or the reason why not, in a sentence. */
export type ProbeResult = { readonly ok: true } | { readonly ok: false; readonly reason: string };

export interface ProbedProcess {
  /** Cheap and answered at once. */
  healthy(): ProbeResult;
  /** Answered within two seconds. */
  ready(): Promise<ProbeResult>;
}

export interface HttpServerOptions {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  readonly registry: Registry;
  readonly process: ProbedProcess;
}

export interface RunningServer {
  /** `http://host:port`, as it can be reached from this machine. */
  readonly url: string;
  close(): Promise<void>;
}

/** @throws CertmanError `configuration/invalid` when the address cannot be listened on. */
export async function startHttpServer(options: HttpServerOptions): Promise<RunningServer> {
  const server = createServer((request, response) => {
    void handleRequest(options, request, response);
  });
  server.headersTimeout = 5_000;
  server.requestTimeout = 10_000;
  server.maxConnections = 100;
  await listen(server, options);
  const { port } = server.address() as AddressInfo;
  return { url: `http://${reachableHost(options.host)}:${port}`, close: () => close(server) };
}

async function handleRequest(
  options: HttpServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = request.url?.split('?')[0];
  try {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      send(response, 405, 'text/plain', 'Only GET and HEAD are answered.\n', { allow: 'GET, HEAD' });
    } else if (path === '/metrics') {
      send(response, 200, options.registry.contentType, await options.registry.metrics());
    } else if (path === '/healthz') {
      sendProbeResult(response, options.process.healthy());
    } else if (path === '/readyz') {
      sendProbeResult(response, await options.process.ready());
    } else {
      send(response, 404, 'text/plain', 'There is /metrics, /healthz and /readyz.\n');
    }
  } catch (error) {
    send(response, 500, 'text/plain', `${error instanceof Error ? error.message : 'unknown error'}\n`);
  }
}

function sendProbeResult(response: ServerResponse, verdict: ProbeResult): void {
  send(response, verdict.ok ? 200 : 503, 'text/plain', verdict.ok ? 'ok\n' : `${verdict.reason}\n`);
}

function send(
  response: ServerResponse,
  status: number,
  contentType: string,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (response.headersSent) return;
  response.writeHead(status, {
    'content-type': contentType.includes('charset') ? contentType : `${contentType}; charset=utf-8`,
    'cache-control': 'no-store',
    ...headers,
  });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

function listen(server: Server, { host, port }: HttpServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new CertmanError({
          code: 'configuration/invalid',
          message: `CERTMAN_METRICS_ADDRESS ${host}:${port} cannot be listened on (${'code' in cause ? String(cause.code) : cause.message}).`,
          remedy: 'Choose a free port of this machine, or end what listens there.',
          cause,
        }),
      ),
    );
    server.listen({ host, port }, resolve);
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function reachableHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
