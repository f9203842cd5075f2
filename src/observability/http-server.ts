/** `/healthz` ignores outages of Temporal and the API server, which no restart ends; `/readyz` gives the reason. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { formatHostAndPort } from '../dns/host-and-port.ts';
import { CertmanError } from '../failures/failure.ts';

/** Result of a probe; the reason is a sentence. */
export type ProbeResult = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** The process that the probes are about. */
export interface ProbedProcess {
  /** Liveness, without I/O. */
  healthy(): ProbeResult;
  /** Readiness, within two seconds. */
  ready(): Promise<ProbeResult>;
}

/** Where to listen, and what to serve. */
export interface HttpServerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly registry: Registry;
  readonly process: ProbedProcess;
}

/** A listening server. */
export interface RunningServer {
  /** `http://host:port`, reachable from this machine. */
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
  return {
    url: `http://${formatHostAndPort({ host: reachableHost(options.host), port })}`,
    close: () => close(server),
  };
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
      send(response, 404, 'text/plain', 'Paths: /metrics, /healthz, /readyz.\n');
    }
  } catch (error) {
    send(response, 500, 'text/plain', `${error instanceof Error ? error.message : 'unknown error'}\n`);
  }
}

function sendProbeResult(response: ServerResponse, result: ProbeResult): void {
  send(response, result.ok ? 200 : 503, 'text/plain', result.ok ? 'ok\n' : `${result.reason}\n`);
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
          message: `CERTMAN_METRICS_ADDRESS ${formatHostAndPort({ host, port })} cannot be used (${'code' in cause ? String(cause.code) : cause.message}).`,
          remedy: 'Choose a free port of this machine, or stop the process that listens there.',
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
  return host === '::' ? '::1' : host;
}
