/** `/healthz` ignores outages of Temporal and the API server, which no restart ends; `/readyz` gives the reason. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { formatHostAndPort, type HostAndPort } from '../dns/host-and-port.ts';
import { CertmanError } from '../failures/failure.ts';
import type { MetricsExposition } from './metrics-exposition.ts';

/** Why a probe fails, as a sentence; undefined when it succeeds. */
export type ProbeFailure = string | undefined;

/** Probes of the process. */
export interface Probes {
  /** Liveness, without I/O. */
  liveness(): ProbeFailure;
  /** Readiness, within two seconds. */
  readiness(): Promise<ProbeFailure>;
}

/** A listening server. */
export interface RunningServer {
  /** `http://host:port`, reachable from this machine. */
  readonly url: string;
  close(): Promise<void>;
}

const DEFAULT_HEADERS = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' };
/** Where a server that listens on every address is reached from this machine. */
const LOOPBACK: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

/** Port 0 takes a free one. @throws CertmanError `configuration/invalid` when the address cannot be listened on. */
export async function startHttpServer(
  address: HostAndPort,
  metrics: MetricsExposition,
  probes: Probes,
): Promise<RunningServer> {
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { status, headers, body } = await replyTo(request, metrics, probes);
    response.writeHead(status, { ...DEFAULT_HEADERS, ...headers });
    if (request.method === 'HEAD') response.end();
    else if (typeof body === 'string') response.end(body);
    else await pipeline(body, response);
  };
  const timeouts = { headersTimeout: 5_000, requestTimeout: 10_000 };
  const server = createServer(timeouts, (request, response) => {
    // The client is gone.
    respond(request, response).catch(() => response.destroy());
  });
  server.maxConnections = 100;
  server.listen(address);
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw new CertmanError({
      code: 'configuration/invalid',
      message: `CERTMAN_METRICS_ADDRESS ${formatHostAndPort(address)} cannot be used (${reasonOf(cause)}).`,
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

function reasonOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | AsyncIterable<string>;
}

async function replyTo({ method, url }: IncomingMessage, metrics: MetricsExposition, probes: Probes): Promise<Reply> {
  if (method !== 'GET' && method !== 'HEAD')
    return { status: 405, headers: { allow: 'GET, HEAD' }, body: 'Only GET and HEAD are answered.\n' };
  const [path = ''] = (url ?? '').split('?');
  try {
    switch (path) {
      case '/metrics':
        return { status: 200, headers: { 'content-type': metrics.contentType }, body: metrics.parts() };
      case '/healthz':
        return probeReply(probes.liveness());
      case '/readyz':
        return probeReply(await probes.readiness());
      default:
        return { status: 404, body: 'Paths: /metrics, /healthz, /readyz.\n' };
    }
  } catch (error) {
    return { status: 500, body: `${error instanceof Error ? error.message : 'unknown error'}\n` };
  }
}

function probeReply(failure: ProbeFailure): Reply {
  return failure === undefined ? { status: 200, body: 'ok\n' } : { status: 503, body: `${failure}\n` };
}
