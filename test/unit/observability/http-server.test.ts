import { once } from 'node:events';
import { Agent, get as httpGet, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { Counter } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import { metricsRoutes, type ProbeFailure, probeRoutes } from '../../../src/observability/endpoints.ts';
import {
  type ConnectionLimits,
  type Routes,
  type RunningServer,
  startHttpServer,
} from '../../../src/observability/http-server.ts';
import { MetricsExposition } from '../../../src/observability/metrics-exposition.ts';

const ANY_PORT = { host: '127.0.0.1', port: 0 };
const servers: RunningServer[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function start(routes: Routes, limits: Partial<ConnectionLimits> = {}): Promise<string> {
  const server = await startHttpServer({ address: ANY_PORT, setting: 'CERTMAN_METRICS_ADDRESS', routes, limits });
  servers.push(server);
  return server.url;
}

async function get(url: string, method = 'GET') {
  const response = await fetch(url, { method, headers: { connection: 'close' } });
  return { status: response.status, type: response.headers.get('content-type'), body: await response.text() };
}

const startMetrics = () => {
  const exposition = new MetricsExposition();
  new Counter({ name: 'things_total', help: 'Things.', registers: [exposition.registry] }).inc();
  return start(metricsRoutes(exposition));
};

interface ProbeAnswers {
  readonly liveness?: ProbeFailure;
  readonly readiness?: () => Promise<ProbeFailure>;
  readonly limitations?: readonly string[];
}

const startProbes = (failures: ProbeAnswers = {}) =>
  start(
    probeRoutes({
      liveness: () => failures.liveness,
      readiness: failures.readiness ?? (() => Promise.resolve(undefined)),
      limitations: () => failures.limitations ?? [],
    }),
  );

/** A connection that sends `text` and reads nothing. */
async function open(url: string, text = ''): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  sockets.push(socket);
  socket.on('error', () => undefined);
  socket.pause();
  await once(socket, 'connect');
  if (text !== '') socket.write(text);
  return socket;
}

describe('the server of the metrics', () => {
  it("serves them in Prometheus' text format", async () => {
    expect(await get(`${await startMetrics()}/metrics`)).toMatchObject({
      status: 200,
      type: 'text/plain; version=0.0.4; charset=utf-8',
      body: expect.stringContaining('things_total 1') as string,
    });
  });

  it('serves no probes', async () => {
    expect((await get(`${await startMetrics()}/healthz`)).status).toBe(404);
  });
});

describe('the server of the probes', () => {
  it('says what a ready worker does without', async () => {
    const url = await startProbes({ limitations: ['The watch of secrets is not synced: it is being listed.'] });
    const body = 'ok\nThe watch of secrets is not synced: it is being listed.\n';
    expect(await get(`${url}/readyz`)).toMatchObject({ status: 200, body });
    expect(await get(`${url}/healthz`)).toMatchObject({ status: 200, body: 'ok\n' });
  });

  it('gives the reason when it is not ready, and is still healthy', async () => {
    const url = await startProbes({ readiness: () => Promise.resolve('Temporal does not respond.') });
    expect(await get(`${url}/readyz`)).toMatchObject({ status: 503, body: 'Temporal does not respond.\n' });
    expect(await get(`${url}/healthz`)).toMatchObject({ status: 200, body: 'ok\n' });
  });

  it('gives the reason when it is not healthy', async () => {
    const url = await startProbes({ liveness: 'The worker has failed.' });
    expect(await get(`${url}/healthz`)).toMatchObject({ status: 503, body: 'The worker has failed.\n' });
  });

  it('responds 500 when a probe throws, and continues', async () => {
    const url = await startProbes({ readiness: () => Promise.reject(new Error('broken')) });
    expect((await get(`${url}/readyz`)).status).toBe(500);
    expect((await get(`${url}/healthz`)).status).toBe(200);
  });
});

describe('a server', () => {
  it('responds to HEAD without a body, with 404 to other paths and 405 to other methods', async () => {
    const url = await startProbes();
    expect(await get(`${url}/healthz`, 'HEAD')).toMatchObject({ status: 200, body: '' });
    expect((await get(url)).status).toBe(404);
    expect((await get(`${url}/toString`)).status).toBe(404);
    expect((await get(`${url}/healthz`, 'POST')).status).toBe(405);
  });

  it('names the setting when its address is in use', async () => {
    const port = Number(new URL(await startProbes()).port);
    const taken = startHttpServer({
      address: { host: '127.0.0.1', port },
      setting: 'CERTMAN_PROBE_ADDRESS',
      routes: {},
    });
    await expect(taken).rejects.toThrow(/CERTMAN_PROBE_ADDRESS .*EADDRINUSE/);
  });

  it.each([
    ['send nothing', ''],
    ['send half of a request', 'GET /healthz HTTP/1.1\r\nhost: x\r\n'],
    ['have had an answer', 'GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n'],
  ])('answers beside 400 connections that %s', async (_what, text) => {
    const url = await startProbes();
    for (let count = 0; count < 400; count++) await open(url, text);
    expect((await get(`${url}/healthz`)).status).toBe(200);
    expect((await get(`${url}/readyz`)).status).toBe(200);
  });

  it('answers beside clients that do not read what they asked for', async () => {
    const url = await start(
      { '/large': () => ({ status: 200, body: 'x'.repeat(16 * 1024 * 1024) }) },
      { connections: 4 },
    );
    for (let count = 0; count < 8; count++) {
      // Being answered, and reading no more than the first bytes.
      await once(await open(url, 'GET /large HTTP/1.1\r\nhost: x\r\n\r\n'), 'readable');
    }
    expect((await get(`${url}/large`)).body).toHaveLength(16 * 1024 * 1024);
  });

  it('closes idle connections first: one that is being answered stays', async () => {
    let answer: (() => void) | undefined;
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const slow = async () => {
      await answered;
      return { status: 200, body: 'slow' };
    };
    const url = await start({ '/slow': slow, '/quick': () => ({ status: 200, body: 'quick' }) }, { connections: 4 });
    const waiting = get(`${url}/slow`);
    for (let count = 0; count < 20; count++) await open(url);
    expect((await get(`${url}/quick`)).body).toBe('quick');
    answer?.();
    expect((await waiting).body).toBe('slow');
  });

  it('keeps the connection of a client that comes again, and closes those idle for longer', async () => {
    const url = await start({ '/': () => ({ status: 200, body: 'ok' }) }, { connections: 2 });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ask = async (): Promise<boolean> => {
      const request = httpGet(url, { agent });
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      response.resume();
      await once(response, 'end');
      return request.reusedSocket;
    };
    await ask();
    for (let count = 0; count < 5; count++) {
      await open(url);
      expect(await ask()).toBe(true);
    }
    agent.destroy();
  });

  it.each([
    ['sends nothing', '', { headersMs: 50, requestMs: 50 }],
    ['sends half of a request', 'GET / HTTP/1.1\r\nhost: x\r\n', { headersMs: 50, requestMs: 50 }],
    ['asks for nothing more', 'GET / HTTP/1.1\r\nhost: x\r\n\r\n', { keepAliveMs: 50 }],
  ])('closes a connection that %s', async (_what, text, limits) => {
    const socket = await open(await start({ '/': () => ({ status: 200, body: 'ok' }) }, limits), text);
    socket.resume();
    await once(socket, 'close');
    expect(socket.closed).toBe(true);
  });
});
