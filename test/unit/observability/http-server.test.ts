import { Counter } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import { type ProbeFailure, type RunningServer, startHttpServer } from '../../../src/observability/http-server.ts';
import { MetricsExposition } from '../../../src/observability/metrics-exposition.ts';

const servers: RunningServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function serve(failures: { liveness?: ProbeFailure; readiness?: () => Promise<ProbeFailure> } = {}) {
  const exposition = new MetricsExposition();
  new Counter({ name: 'things_total', help: 'Things.', registers: [exposition.registry] }).inc();
  const server = await startHttpServer({ host: '127.0.0.1', port: 0 }, exposition, {
    liveness: () => failures.liveness,
    readiness: failures.readiness ?? (() => Promise.resolve(undefined)),
  });
  servers.push(server);
  return async (path: string, method = 'GET') => {
    const response = await fetch(`${server.url}${path}`, { method });
    return { status: response.status, type: response.headers.get('content-type'), body: await response.text() };
  };
}

describe('the server of a worker', () => {
  it("serves the metrics in Prometheus' text format", async () => {
    const get = await serve();
    expect(await get('/metrics')).toMatchObject({
      status: 200,
      type: 'text/plain; version=0.0.4; charset=utf-8',
      body: expect.stringContaining('things_total 1') as string,
    });
  });

  it('gives the reason when it is not ready, and is still healthy', async () => {
    const get = await serve({ readiness: () => Promise.resolve('Temporal does not respond.') });
    expect(await get('/readyz')).toMatchObject({ status: 503, body: 'Temporal does not respond.\n' });
    expect(await get('/healthz')).toMatchObject({ status: 200, body: 'ok\n' });
  });

  it('gives the reason when it is not healthy', async () => {
    const get = await serve({ liveness: 'The worker has failed.' });
    expect(await get('/healthz')).toMatchObject({ status: 503, body: 'The worker has failed.\n' });
  });

  it('responds 500 when a probe throws, and continues', async () => {
    const get = await serve({ readiness: () => Promise.reject(new Error('broken')) });
    expect((await get('/readyz')).status).toBe(500);
    expect((await get('/healthz')).status).toBe(200);
  });

  it('responds to HEAD without a body, with 404 to other paths and 405 to other methods', async () => {
    const get = await serve();
    expect(await get('/healthz', 'HEAD')).toMatchObject({ status: 200, body: '' });
    expect((await get('/')).status).toBe(404);
    expect((await get('/metrics', 'POST')).status).toBe(405);
  });

  it('names the setting when its address is in use', async () => {
    await serve();
    const port = Number(new URL(servers[0]?.url ?? '').port);
    const taken = startHttpServer({ host: '127.0.0.1', port }, new MetricsExposition(), {
      liveness: () => undefined,
      readiness: () => Promise.resolve(undefined),
    });
    await expect(taken).rejects.toThrow(/CERTMAN_METRICS_ADDRESS .*EADDRINUSE/);
  });
});
